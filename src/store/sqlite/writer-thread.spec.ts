import { afterEach, describe, expect, it } from 'vitest';
import { Inbox } from '../../../test/support/inbox.js';
import { WriterThread } from './writer-thread.js';

const OPTIONS = { file: '/nowhere', crashAt: null };
const CALLS = [{ procedure: 'p', args: { n: 1 } }];

/** A thread that does as the test says: `script` sees `say` and `hear`. */
function threadOf(script: string): URL {
  const prelude = `
    import { parentPort, workerData } from 'node:worker_threads';
    const say = (message) => parentPort.postMessage(message);
    const hear = (listener) => parentPort.on('message', listener);
  `;
  return new URL(`data:text/javascript,${encodeURIComponent(prelude + script)}`);
}

const READY = `say({ kind: 'ready', migrations: [] });`;

describe('WriterThread', () => {
  const started: WriterThread[] = [];
  const deaths = new Inbox<Error>();

  afterEach(async () => {
    for (const thread of started.splice(0)) await thread.close();
    deaths.items.length = 0;
  });

  async function start(script: string): Promise<WriterThread> {
    const thread = await WriterThread.start(threadOf(script), OPTIONS, deaths.add);
    started.push(thread);
    return thread;
  }

  describe('starting', () => {
    it('hands its options over', async () => {
      const script = `workerData.file === '/nowhere' ? ${READY.slice(0, -1)} : process.exit(1);`;
      await expect(start(script)).resolves.toBeInstanceOf(WriterThread);
    });

    it.each([
      ['says why it cannot', `say({ kind: 'start-failed', message: 'no space' }); hear(() => {});`, 'no space'],
      ['throws', `throw new Error('broken build');`, 'broken build'],
      ['ends without a word', `process.exit(7);`, 'the writer thread ended with code 7'],
    ])('fails when the thread %s', async (_kind, script, message) => {
      await expect(start(script)).rejects.toThrow(message);
      expect(deaths.items).toEqual([]);
    });
  });

  describe('running groups', () => {
    it('gives a group its outcomes, each in the place of its call', async () => {
      const thread = await start(`
        ${READY}
        hear((message) => {
          if (message.kind === 'close') return say({ kind: 'closed' });
          // Arguments of one shape come as one table: their keys, and all their values in one list.
          const answer = ({ procedure, packs: [{ values }] }) => ({
            outcomes: values.map((n) => ({ ok: [procedure, { n }, message.now] })),
          });
          say({ kind: 'done', outcomes: message.calls.map(answer) });
        });
      `);
      const calls = ['p', 'q', 'p'].map((procedure, n) => ({ procedure, args: { n } }));
      for (const now of [1, 2]) {
        const outcomes = calls.map(({ procedure, args }) => ({ ok: [procedure, args, now] }));
        expect(await thread.run(calls, now)).toEqual(outcomes);
      }
    });

    it('is given one group at a time', async () => {
      const thread = await start(`${READY} hear(({ kind }) => kind === 'close' && say({ kind: 'closed' }));`);
      void thread.run(CALLS, 0);
      await expect(thread.run(CALLS, 0)).rejects.toThrow('one group at a time');
    });

    it('fails a group that broke, and goes on', async () => {
      const thread = await start(`
        ${READY}
        hear(({ kind, now }) => {
          if (kind === 'close') return say({ kind: 'closed' });
          if (now === 1) say({ kind: 'broken', message: 'disk I/O error' });
          else say({ kind: 'done', outcomes: [{ outcomes: [{ ok: 1 }] }] });
        });
      `);
      await expect(thread.run(CALLS, 1)).rejects.toThrow('disk I/O error');
      expect(await thread.run(CALLS, 2)).toEqual([{ ok: 1 }]);
    });
  });

  describe('dying', () => {
    it.each([
      ['throws', `${READY} hear(() => { throw new Error('lost my mind'); });`, 'lost my mind'],
      ['ends', `${READY} hear(() => process.exit(9));`, 'the writer thread ended with code 9'],
    ])('fails what is not answered, and says so once: it %s', async (_kind, script, message) => {
      const thread = await start(script);
      await expect(thread.run(CALLS, 0)).rejects.toThrow(message);
      await expect(thread.run(CALLS, 0)).rejects.toMatchObject({ code: 'store_unavailable' });
      await thread.close();
      expect(deaths.items.map((error) => error.message)).toEqual([message]);
    });

    it('while it is asked to close leaves nobody waiting', async () => {
      const thread = await start(`${READY} hear(() => process.exit(9));`);
      await thread.close();
      expect(deaths.items).toHaveLength(1);
    });
  });

  it('is no death when it was asked to close', async () => {
    const thread = await start(`${READY} hear(({ kind }) => kind === 'close' && say({ kind: 'closed' }));`);
    await thread.close();
    await thread.close();
    await expect(thread.run(CALLS, 0)).rejects.toMatchObject({ code: 'store_unavailable', status: 503 });
    expect(deaths.items).toEqual([]);
  });
});
