import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { line, simLine } from '../support/batches.js';
import { ConsoleClient } from '../support/console.js';
import { cli, startCli, towards, type CliResult } from '../support/cli.js';
import { TestServer } from '../support/server.js';
import { startTestSim, type TestSim } from '../support/sim.js';
import { makeTemporaryFolder, type TemporaryFolder } from '../support/temporary-folder.js';
import { until } from '../support/until.js';

const COMMAND = ['run-batch', '-i', 'in.jsonl', '-o', 'out.jsonl'];
const IDS = Array.from({ length: 60 }, (_, n) => `r${n}`);

let sim: TestSim;
let server: TestServer;
let folder: TemporaryFolder;

beforeAll(async () => {
  sim = await startTestSim();
  server = await TestServer.start({ MILLRACE_UPSTREAM_URL: sim.url, MILLRACE_UPSTREAM_CONCURRENCY: '4' });
});
afterAll(async () => {
  await server.close();
  await sim.close();
});
beforeEach(async () => {
  folder = await makeTemporaryFolder();
  await sim.reset();
  await sim.change({ latencyMs: 0 });
  return () => folder.remove();
});

const at = (name: string) => join(folder.path, name);
const read = (name: string) => readFileSync(at(name), 'utf8');
const put = (lines: readonly string[]) => writeFileSync(at('in.jsonl'), lines.map((text) => `${text}\n`).join(''));
const run = (...more: string[]): Promise<CliResult> => cli([...COMMAND, ...more], options());
const options = () => ({ cwd: folder.path, env: towards(server) });
const idsIn = (text: string) =>
  text
    .trimEnd()
    .split('\n')
    .map((one) => (JSON.parse(one) as { custom_id: string }).custom_id);

/** A line that the simulator counts. */
const counted = (id: string) => line(id, { metadata: { id } });

/** Starts the command on all of IDS, slowly, and resolves when the batch is there. */
async function started() {
  await sim.change({ latencyMs: 100 });
  put(IDS.map((id) => counted(id)));
  const program = startCli(COMMAND, options());
  await program.printed((text) => (text.startsWith('Batch batch_') ? text : null));
  await until(
    () => sim.stats(),
    ({ requests }) => requests > 4,
  );
  return program;
}

async function expectAllOnce(): Promise<void> {
  expect(idsIn(read('out.jsonl'))).toEqual(IDS);
  expect(await sim.calls()).toEqual(Object.fromEntries(IDS.map((id) => [id, 1])));
  const runs = (await server.openai.files.list({ purpose: 'batch' })).data.filter(
    ({ bytes }) => bytes === read('in.jsonl').length,
  );
  expect(new Set(runs.map(({ filename }) => filename)).size).toBe(runs.length);
}

const countBatches = async () => (await server.openai.batches.list({ limit: 100 })).data.length;

describe('millrace run-batch', () => {
  it('brings back every line, in order and without colours in a pipe', async () => {
    put(IDS.map((id) => counted(id)));
    const { code, stdout, stderr } = await run();
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
    expect(stderr).toContain('60 lines');
    expect(stderr).toContain('60 completed, 0 failed');
    expect(stderr).not.toContain('\u001b');
    await expectAllOnce();
    expect(existsSync(at('out.jsonl.run'))).toBe(false);
  });

  it('has failed lines behind the others, or in a file of their own, and says so with its exit code', async () => {
    put([counted('good'), simLine('bad', 'status=400'), counted('good too')]);
    expect((await run()).code).toBe(4);
    expect(idsIn(read('out.jsonl'))).toEqual(['good', 'good too', 'bad']);
    expect((await run('--overwrite', '--errors', 'err.jsonl')).code).toBe(4);
    expect([idsIn(read('out.jsonl')), idsIn(read('err.jsonl'))]).toEqual([['good', 'good too'], ['bad']]);
  });

  it('prints nothing but results with -o -', async () => {
    put(IDS.map((id) => counted(id)));
    const { code, stdout } = await cli(['run-batch', '-i', 'in.jsonl', '-o', '-'], options());
    expect(code).toBe(0);
    expect(idsIn(stdout)).toEqual(IDS);
  });

  it('killed in the middle, goes on with the same command and repeats nothing', async () => {
    const before = await countBatches();
    const program = await started();
    program.send('SIGKILL');
    await program.ended;
    expect(existsSync(at('out.jsonl'))).toBe(false);
    expect((await run()).code).toBe(0);
    expect(await countBatches()).toBe(before + 1);
    await expectAllOnce();
  });

  it('killed before it could note what it had done, finds it on the server', async () => {
    const before = await countBatches();
    const program = await started();
    program.send('SIGKILL');
    await program.ended;
    const state = JSON.parse(read('out.jsonl.run')) as object;
    writeFileSync(at('out.jsonl.run'), JSON.stringify({ ...state, fileId: null, batchId: null }));
    const { code, stderr } = await run('--resume');
    expect(code).toBe(0);
    expect(stderr).not.toContain('Uploading');
    expect(await countBatches()).toBe(before + 1);
    await expectAllOnce();
  });

  it('stopped by Ctrl-C, says how to go on, and ends with 130', async () => {
    const program = await started();
    program.send('SIGINT');
    expect(await program.ended).toEqual({ code: 130, signal: null });
    expect(program.lines.join('\n')).toContain('The same command goes on from here.');
    expect((await run('--resume')).code).toBe(0);
    await expectAllOnce();
  });

  it('bears with a server that is started again meanwhile', async () => {
    const program = await started();
    await server.stop();
    await program.printed((text) => (text.includes('does not answer') ? text : null));
    await server.restart();
    expect(await program.ended).toEqual({ code: 0, signal: null });
    await expectAllOnce();
  });

  describe('while nothing moves', () => {
    const program = () => startCli([...COMMAND, '--queue', 'dead', '--json', '--overwrite'], options());
    const waiting = (text: string) => (text.startsWith('  waiting: ') ? text : null);

    it('says why, once, and in its JSON', async () => {
      const gone = await startTestSim();
      await gone.close();
      const admin = new ConsoleClient(server);
      await admin.post('upstreams', { name: 'dead', base_url: gone.url });
      await admin.post('queues', { name: 'dead', upstream: 'dead' });
      put([counted('a'), counted('b'), counted('c')]);
      const command = program();
      const note = await command.printed(waiting);
      expect(note).toMatch(/^  waiting: the upstream 'dead' has not worked since \d{4}-.*Z: .*\(ECONNREFUSED\)\.$/);
      await admin.patch('upstreams/dead', { base_url: sim.url });
      expect(await command.ended).toEqual({ code: 0, signal: null });
      expect(command.lines.filter(waiting)).toEqual([note]);
      const json = command.lines.slice(command.lines.indexOf('{'), command.lines.lastIndexOf('}') + 1).join('\n');
      expect(JSON.parse(json)).toMatchObject({
        status: 'completed',
        waited_because: [note.slice('  waiting: '.length)],
      });
    });
  });

  it('refuses what it would have to guess', async () => {
    put([line('a')]);
    expect((await run('--resume')).stderr).toContain('nothing to go on with');
    writeFileSync(at('out.jsonl'), 'mine');
    const refused = await run();
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('--overwrite');
    expect(read('out.jsonl')).toBe('mine');
  });

  it('refuses to go on with another input', async () => {
    const program = await started();
    program.send('SIGKILL');
    await program.ended;
    put([line('another')]);
    const refused = await run();
    expect(refused.stderr).toContain('different: the input file');
    expect((await run('--fresh')).code).toBe(0);
    expect(idsIn(read('out.jsonl'))).toEqual(['another']);
  });

  it('says which lines the server refuses, and forgets that run', async () => {
    put([line('a'), line('a')]);
    const { code, stderr } = await run();
    expect(code).toBe(1);
    expect(stderr).toMatch(/line 2: .*custom_id/);
    expect(existsSync(at('out.jsonl.run'))).toBe(false);
  });

  it('puts the model into lines that name none', async () => {
    const without = {
      custom_id: 'a',
      method: 'POST',
      url: '/v1/chat/completions',
      body: { messages: [{ role: 'user', content: 'x' }] },
    };
    put([JSON.stringify(without), line('b', { model: 'tiny' })]);
    expect((await run('--model', 'tiny')).code).toBe(0);
    expect(idsIn(read('out.jsonl'))).toEqual(['a', 'b']);
    put([line('c', { model: 'large' })]);
    expect((await run('--model', 'tiny', '--fresh', '--overwrite')).stderr).toContain(
      'Line 1 asks for the model "large"',
    );
  });

  it('tells a wrong key and a missing server from other failures', async () => {
    put([line('a')]);
    const wrongKey = await cli(COMMAND, {
      cwd: folder.path,
      env: { ...towards(server), MILLRACE_API_KEY: 'sk-wrong-wrong-wrong' },
    });
    expect(wrongKey.code).toBe(3);
    expect(wrongKey.stderr).toContain('MILLRACE_API_KEY');
    const nobody = await cli(COMMAND, {
      cwd: folder.path,
      env: { MILLRACE_URL: 'http://127.0.0.1:9', MILLRACE_API_KEY: 'sk' },
    });
    expect(nobody.code).toBe(3);
    expect(nobody.stderr).toContain('millrace serve');
    expect(existsSync(at('out.jsonl.run'))).toBe(false);
  });
});
