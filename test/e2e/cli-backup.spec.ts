import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { awaited, line, start, textOf } from '../support/batches.js';
import { cli, type CliResult } from '../support/cli.js';
import { Remains } from '../support/remains.js';
import { FolderPlace } from '../support/folder-place.js';
import { TestServer } from '../support/server.js';
import { startTestSim, type TestSim } from '../support/sim.js';
import { makeTemporaryFolder, type TemporaryFolder } from '../support/temporary-folder.js';
import { until } from '../support/until.js';

const IDS = Array.from({ length: 300 }, (_, n) => `r${n}`);
const LINES = IDS.map((id) => line(id, { metadata: { id } }));

let sim: TestSim;
let server: TestServer;
let folder: TemporaryFolder;

beforeEach(async () => {
  sim = await startTestSim({ latencyMs: 30 });
  server = await TestServer.start({ MILLRACE_UPSTREAM_URL: sim.url, MILLRACE_UPSTREAM_CONCURRENCY: '4' });
  folder = await makeTemporaryFolder();
});
afterEach(async () => {
  await server.close();
  await sim.close();
  await folder.remove();
});

const at = (name: string) => join(folder.path, name);

function run(...args: string[]): Promise<CliResult> {
  return cli(args, { cwd: folder.path, env: { MILLRACE_DATA_DIR: server.dataDir } });
}

/** Some lines are done, some run, and some wait. */
async function halfway() {
  const batch = await start(server.openai, LINES);
  return awaited(server.openai, batch, ({ request_counts }) => request_counts!.completed >= 50);
}

/** A server on what is in `data` of the folder. */
async function revive(): Promise<TestServer> {
  const env = { MILLRACE_UPSTREAM_URL: sim.url, MILLRACE_UPSTREAM_CONCURRENCY: '16' };
  const revived = TestServer.prepare(env, await FolderPlace.make(folder));
  await revived.restart();
  return revived;
}

describe('millrace backup and restore', () => {
  it.each(['backup', 'backup.tar'])('bring a batch that runs to its end elsewhere (%s)', async (name) => {
    const { id } = await halfway();
    expect(await run('backup', name)).toMatchObject({ code: 0, stdout: expect.stringContaining('300 tasks') });
    await server.kill();
    expect((await run('restore', name, '--verify')).code).toBe(0);
    expect((await run('restore', name, '--data-dir', 'data')).code).toBe(0);
    const revived = await revive();
    expect(revived.adminKey).toBe(server.adminKey);
    const done = await until(
      () => revived.openai.batches.retrieve(id),
      ({ status }) => status === 'completed',
    );
    const output = (await textOf(revived.openai, done.output_file_id)).trimEnd().split('\n');
    expect(output.map((text) => (JSON.parse(text) as { custom_id: string }).custom_id)).toEqual(IDS);
    await revived.stop();
    expect(await Remains.examine(revived.place, (remains) => remains.problems())).toEqual([]);
  });

  it('go on while files come and go', async () => {
    const uploads = Array.from({ length: 40 }, async (_, n) => {
      const { input_file_id: id } = await start(server.openai, [line(`x${n}`)]);
      await server.openai.files.delete(id);
    });
    const backups = [run('backup', 'b1'), run('backup', 'b2.tar')];
    for (const { code } of await Promise.all(backups)) expect(code).toBe(0);
    await Promise.all(uploads);
    for (const name of ['b1', 'b2.tar']) expect((await run('restore', name, '--verify')).code).toBe(0);
  });

  it('find every kind of damage, list it, and leave the folder as it was', async () => {
    await halfway();
    await run('backup', 'good');
    const damage: [name: string, harm: (folder: string) => void, words: string][] = [
      ['blob', (path) => flip(join(path, 'blobs', readdirSync(join(path, 'blobs'))[0]!)), 'its SHA-256 is another'],
      ['database', (path) => flip(join(path, 'millrace.sqlite')), 'millrace.sqlite was changed'],
      ['lost', (path) => rmSync(join(path, 'blobs', readdirSync(join(path, 'blobs'))[0]!)), 'is missing'],
      ['cut', (path) => rmSync(join(path, 'manifest.json')), 'no backup, or one that was cut off'],
      ['more', (path) => writeFileSync(join(path, 'blobs', 'blob_x'), 'x'), 'is not in the manifest'],
      ['foreign', (path) => writeFileSync(join(path, 'run.sh'), 'x'), 'does not belong into a backup'],
    ];
    for (const [name, harm, words] of damage) {
      cpSync(at('good'), at(name), { recursive: true });
      harm(at(name));
      expect(await run('restore', name, '--verify')).toMatchObject({ code: 1, stderr: expect.stringContaining(words) });
      expect((await run('restore', name, '--data-dir', 'data')).code).toBe(1);
      expect(existsSync(at('data')), name).toBe(false);
    }
    flip(at('good.tar'), await run('backup', 'good.tar').then(() => 0));
    expect((await run('restore', 'good.tar', '--verify')).stderr).toContain('damaged');
  });

  it('refuse to replace anything, and to call nothing a backup', async () => {
    mkdirSync(at('data'));
    writeFileSync(at('data/notes'), 'mine');
    await run('backup', 'b');
    expect((await run('backup', 'b')).stderr).toContain('is there already');
    expect((await run('restore', 'b', '--data-dir', 'data')).stderr).toContain('is not empty');
    expect(readFileSync(at('data/notes'), 'utf8')).toBe('mine');
    expect((await run('restore', 'nowhere', '--verify')).stderr).toContain('There is no backup');
    expect((await run('backup', 'c', '--data-dir', 'nothing')).stderr).toContain('--data-dir');
    expect(existsSync(at('c'))).toBe(false);
  });

  it('refuse to back up what is damaged', async () => {
    await halfway();
    const folders = readdirSync(join(server.dataDir, 'blobs'), { recursive: true, withFileTypes: true });
    const blob = folders.find((entry) => entry.isFile())!;
    flip(join(blob.parentPath, blob.name));
    expect(await run('backup', 'b')).toMatchObject({ code: 1, stderr: expect.stringContaining('is damaged') });
    rmSync(join(blob.parentPath, blob.name));
    expect(await run('backup', 'b')).toMatchObject({ code: 1, stderr: expect.stringContaining('Files are missing') });
    expect(readdirSync(folder.path)).toEqual([]);
  });
});

/** Changes one byte, in the middle unless a place is given. */
function flip(path: string, place?: number): void {
  const bytes = readFileSync(path);
  const offset = place ?? Math.floor(bytes.length / 2);
  bytes[offset]! ^= 1;
  writeFileSync(path, bytes);
}
