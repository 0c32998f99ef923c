import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { awaited, line, start } from '../support/batches.js';
import { cli, startCli, towards, type CliResult } from '../support/cli.js';
import { TestServer } from '../support/server.js';
import { startTestSim, type TestSim } from '../support/sim.js';

let sim: TestSim;
let server: TestServer;

beforeAll(async () => {
  sim = await startTestSim();
  server = await TestServer.start({ MILLRACE_UPSTREAM_URL: sim.url });
});
afterAll(async () => {
  await server.close();
  await sim.close();
});

const options = () => ({ cwd: '/', env: towards(server) });

function run(...args: string[]): Promise<CliResult> {
  return cli(args, options());
}

async function json<T>(...args: string[]): Promise<T> {
  const { code, stdout, stderr } = await run(...args, '--json');
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout) as T;
}

describe('millrace keys', () => {
  it('makes a key that a variable can take in, rotates it, and revokes it', async () => {
    const { stdout } = await run('keys', 'create', 'nightly', '--scopes', 'files,batches', '--tenant', 'acme');
    const token = stdout.trim();
    await expect(server.openaiAs(token).batches.list()).resolves.toBeDefined();
    const [made] = await json<{ id: string; name: string; tenant: string }[]>('keys', 'list');
    expect(made).toMatchObject({ name: 'nightly', tenant: 'acme' });
    const next = (await run('keys', 'rotate', made!.id)).stdout.trim();
    await expect(server.openaiAs(token).batches.list()).rejects.toMatchObject({ status: 401 });
    await expect(server.openaiAs(next).batches.list()).resolves.toBeDefined();
    const [newest] = await json<{ id: string }[]>('keys', 'list');
    expect((await run('keys', 'revoke', newest!.id)).stdout).toContain('is revoked');
    await expect(server.openaiAs(next).batches.list()).rejects.toMatchObject({ status: 401 });
  });

  it('says what is wrong, and with what exit code', async () => {
    expect(await run('keys', 'create', 'x', '--scopes', 'everything')).toMatchObject({ code: 1, stdout: '' });
    expect((await run('keys', 'revoke', 'key_nobody')).stderr).toContain('key_nobody');
    expect((await run('keys', 'create', 'x')).code).toBe(2);
    const { stdout } = await run('keys', 'create', 'small', '--scopes', 'files');
    const small = { cwd: '/', env: { ...towards(server), MILLRACE_API_KEY: stdout.trim() } };
    const refused = await cli(['keys', 'list'], small);
    expect(refused.code).toBe(3);
    expect(refused.stderr).toContain('millrace keys create');
  });
});

describe('millrace queues and upstreams', () => {
  it('set up a queue with an upstream, pause it, and take it away', async () => {
    expect((await run('upstreams', 'add', 'box', sim.url, '--concurrency', '2')).code).toBe(0);
    expect((await run('upstreams', 'test', 'box')).stdout).toContain('It answers');
    expect((await run('queues', 'add', 'chat', '--models', 'a,b', '--upstream', 'box', '--shared')).code).toBe(0);
    expect((await run('queues', 'pause', 'chat')).stdout).toContain('is paused');
    const queues = await json<{ name: string }[]>('queues', 'list');
    expect(queues).toContainEqual(
      expect.objectContaining({ name: 'chat', models: ['a', 'b'], upstream: 'box', paused_at: expect.any(Number) }),
    );
    expect((await run('queues', 'resume', 'chat')).stdout).toContain('is running');
    expect((await run('upstreams', 'delete', 'box')).stderr).toContain("used by 'chat'");
    expect((await run('queues', 'delete', 'chat')).code).toBe(0);
    expect((await run('upstreams', 'delete', 'box')).code).toBe(0);
    expect((await run('queues', 'pause', 'chat')).code).toBe(1);
  });

  it('test an upstream that is not there', async () => {
    await run('upstreams', 'add', 'gone', 'http://127.0.0.1:9/v1');
    const { code, stdout, stderr } = await run('upstreams', 'test', 'gone', '--json');
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ ok: false });
    expect(stderr).toContain('ECONNREFUSED');
    await run('upstreams', 'delete', 'gone');
  });
});

describe('millrace batches', () => {
  it('lists, shows and watches, and tells failed lines by the exit code', async () => {
    const { id } = await start(server.openai, [line('good'), line('bad', { metadata: { sim: 'status=400' } })]);
    const watched = await run('batches', 'watch', id);
    expect(watched).toMatchObject({ code: 4, stdout: expect.stringContaining('1 completed, 1 failed') });
    expect(watched.stdout + watched.stderr).not.toContain('\u001b');
    expect((await run('batches', 'ls')).stdout).toContain(id);
    expect((await run('batches', 'show', id)).stdout).toMatch(/^status +completed$/m);
    expect(await json('batches', 'show', id)).toMatchObject({ id, request_counts: { total: 2 } });
    expect((await run('batches', 'show', 'batch_nobody')).code).toBe(1);
  });

  it('cancels a batch that is watched', async () => {
    await sim.change({ latencyMs: 2_000 });
    const lines = Array.from({ length: 200 }, (_, n) => line(`l${n}`));
    const batch = await start(server.openai, lines);
    await awaited(server.openai, batch, ({ status }) => status === 'in_progress');
    const watching = startCli(['batches', 'watch', batch.id], options());
    expect((await run('batches', 'cancel', batch.id)).stdout).toContain('The batch is cancel');
    expect((await watching.ended).code).toBe(1);
    expect(watching.lines.join('\n')).toContain('The batch ended as cancelled');
  });
});
