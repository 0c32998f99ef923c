import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeTemporaryFolder, type TemporaryFolder } from '../../../test/support/temporary-folder.js';
import { Inbox } from '../../../test/support/inbox.js';
import { RunningProgram } from './demo-processes.js';

const SERVER = `
  import { createServer } from 'node:http';
  let asked = 0;
  const server = createServer((request, response) => response.writeHead(asked++ === 0 ? 503 : 200).end());
  server.listen(0, '127.0.0.1', () => console.log('{"msg":"x is listening on http://127.0.0.1:' + server.address().port + '"}'));
`;

describe('RunningProgram', () => {
  let folder: TemporaryFolder;
  let deaths: Inbox<Error>;
  let program: RunningProgram | null;
  const never = new AbortController().signal;

  beforeEach(async () => {
    folder = await makeTemporaryFolder();
    deaths = new Inbox();
    program = null;
  });
  afterEach(async () => {
    await program?.stop();
    await folder.remove();
  });

  function start(code: string): RunningProgram {
    const file = join(folder.path, 'program.mjs');
    writeFileSync(file, code);
    const logPath = join(folder.path, 'program.log');
    const what = { name: 'program', args: [file, 'x'], env: process.env, folder: folder.path, logPath };
    program = RunningProgram.start(what, deaths.add);
    return program;
  }

  it('says where it listens, answers, and ends when it is told to', async () => {
    const running = start(SERVER);
    const url = await running.url(never);
    await running.answer(url, never);
    await running.stop();
    await expect(fetch(url)).rejects.toThrow('fetch failed');
    expect(deaths.items).toEqual([]);
  });

  it('does not take an earlier log for its own', async () => {
    writeFileSync(join(folder.path, 'program.log'), 'listening on http://127.0.0.1:1\n');
    expect(await start(SERVER).url(never)).not.toBe('http://127.0.0.1:1');
  });

  it('tells of its death with the end of its log', async () => {
    start(`for (let n = 1; n <= 20; n += 1) console.log('line ' + n); console.error('no disk'); process.exitCode = 7;`);
    const [death] = await deaths.first(1);
    const lines = [...Array.from({ length: 14 }, (_, index) => `  | line ${index + 7}`), '  | no disk'];
    expect(death!.message).toBe(
      ['The program ended by itself (exit code 7). The end of its log:', ...lines].join('\n'),
    );
  });

  it('is not waited for any more once that is pointless', async () => {
    const ending = new AbortController();
    const waiting = start('setInterval(() => {}, 1000)').url(ending.signal);
    ending.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
  });

  it('can be told to stop again', async () => {
    const running = start(SERVER);
    await running.url(never);
    await Promise.all([running.stop(), running.stop()]);
    await running.stop();
    expect(deaths.items).toEqual([]);
  });
});
