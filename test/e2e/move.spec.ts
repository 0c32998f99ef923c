import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { awaited, line, run as runBatch, start, textOf } from '../support/batches.js';
import { cli, type CliResult } from '../support/cli.js';
import { blobPaths, FolderPlace } from '../support/folder-place.js';
import { makeKeys } from '../support/keys.js';
import { newPlace } from '../support/new-place.js';
import type { Place } from '../support/place.js';
import { Remains } from '../support/remains.js';
import { TestServer, type ServerEnv } from '../support/server.js';
import { startTestSim, type TestSim } from '../support/sim.js';
import { until } from '../support/until.js';

const IDS = Array.from({ length: 300 }, (_, n) => `r${n}`);
const LINES = IDS.map((id) => line(id, { metadata: { id } }));

let sim: TestSim;
let old: TestServer;
/** Where the deployment keeps its state. */
let place: Place;
let deployed: TestServer | null;

beforeEach(async () => {
  sim = await startTestSim({ latencyMs: 30 });
  const upstream = { MILLRACE_UPSTREAM_URL: sim.url, MILLRACE_UPSTREAM_CONCURRENCY: '4' };
  old = TestServer.prepare(upstream, await FolderPlace.make());
  await old.restart();
  place = await newPlace();
  deployed = null;
});
afterEach(async () => {
  await (deployed === null ? place.remove() : deployed.close());
  await old.close();
  await sim.close();
});

/** What the deployment has to be told besides where its services are. */
function own(): ServerEnv {
  return { MILLRACE_SECRET: readFileSync(join(old.dataDir, 'secret.key'), 'utf8').trim() };
}

function run(args: readonly string[], env: ServerEnv = own()): Promise<CliResult> {
  return cli(args, { cwd: place.folder, env: { ...place.env, ...env } });
}

function prepare(): TestServer {
  const upstream = { MILLRACE_UPSTREAM_URL: sim.url, MILLRACE_UPSTREAM_CONCURRENCY: '16' };
  deployed = TestServer.prepare({ ...upstream, ...own() }, place);
  return deployed;
}

async function customIdsOf(server: TestServer, id: string): Promise<string[]> {
  const done = await until(
    () => server.openai.batches.retrieve(id),
    ({ status }) => status === 'completed',
  );
  const output = (await textOf(server.openai, done.output_file_id)).trimEnd().split('\n');
  return output.map((text) => (JSON.parse(text) as { custom_id: string }).custom_id);
}

describe('millrace move', () => {
  it('brings a batch that runs to its end in a deployment, with its files, keys and numbers', async () => {
    const { id } = await awaited(
      old.openai,
      await start(old.openai, LINES),
      ({ request_counts }) => request_counts!.completed >= 50,
    );
    await old.fetch('/v1/console/upstreams', {
      method: 'POST',
      headers: { authorization: `Bearer ${old.adminKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({ name: 'sealed', base_url: sim.url, api_key: 'sk-upstream-key' }),
    });
    expect(await run(['move', old.dataDir])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('Stop it first'),
    });
    await old.kill();
    const [key] = await makeKeys(old.place, [
      { tenantName: 'acme', name: 'mine', scopes: ['files', 'batches'], expiresAt: null },
    ]);
    // As if so many tasks had come and gone.
    await old.place.alter(`UPDATE sqlite_sequence SET seq = 5000 WHERE name = 'task'`);

    const { code, stdout } = await run(['move', old.dataDir, '--verify', '--json']);
    expect(code).toBe(0);
    const moved = JSON.parse(stdout) as { rows: Record<string, number>; isVerified: boolean };
    expect(moved).toMatchObject({ rows: { task: 300, batch: 1, upstream: 2 }, isVerified: true });

    const server = prepare();
    await server.restart();
    expect(await customIdsOf(server, id)).toEqual(IDS);
    expect((await server.openaiAs(key!.token).files.list()).data).toEqual([]);
    const { id: next } = await runBatch(server.openai, [line('next')]);
    await server.stop();
    expect(await Remains.examine(place, (remains) => remains.problems())).toEqual([]);
    const [numbers] = await place.examine((stored) =>
      stored.rows<{ first: number }>(
        `SELECT MIN(task.seq) AS first FROM task JOIN batch ON batch.seq = batch_seq WHERE batch.id = '${next}'`,
      ),
    );
    expect(numbers!.first).toBeGreaterThan(5000);
    expect(await run(['doctor', '--deep'], { ...own(), MILLRACE_UPSTREAM_URL: sim.url })).toMatchObject({ code: 0 });
  });

  it('refuses a wrong secret and a target in use; what was cut off keeps servers out until it is done again', async () => {
    const { id } = await runBatch(old.openai, [line('a'), line('b')]);
    expect((await cli(['backup', 'b.tar'], { cwd: place.folder, env: { ...old.place.env } })).code).toBe(0);
    await old.kill();
    const wrong = await run(['move', old.dataDir], { MILLRACE_SECRET: 'quite-another-secret' });
    expect(wrong).toMatchObject({ code: 1, stderr: expect.stringContaining(join(old.dataDir, 'secret.key')) });

    // As long as it was, but no more what it was.
    const path = [...(await blobPaths(old.place)).values()][0]!;
    const bytes = readFileSync(path);
    writeFileSync(path, Buffer.alloc(bytes.length, 'x'));
    expect(await run(['move', old.dataDir])).toMatchObject({ code: 1, stderr: expect.stringMatching(/is damaged/) });
    // The same bucket, which the move has taken, and another database.
    const second = await newPlace();
    const elsewhere = { ...own(), MILLRACE_DATABASE_URL: second.env['MILLRACE_DATABASE_URL']! };
    expect(await run(['move', 'b.tar'], elsewhere)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('belongs to another deployment'),
    });
    await second.remove();
    const server = prepare();
    await expect(server.restart()).rejects.toThrow(/was cut off: run `millrace move .*` again/);

    expect(await run(['move', 'b.tar', '--verify'])).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('each compared'),
    });
    await server.restart();
    expect(await customIdsOf(server, id)).toEqual(['a', 'b']);
    await server.stop();
    const again = await run(['move', 'b.tar']);
    expect(again).toMatchObject({ code: 1, stderr: expect.stringContaining('The database is not empty') });
    expect(await run(['move', place.folder])).toMatchObject({ code: 1, stderr: expect.stringContaining('neither') });
  });
});
