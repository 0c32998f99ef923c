import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeTemporaryFolder, type TemporaryFolder } from '../support/temporary-folder.js';

const CLI = join(import.meta.dirname, '../../dist/cli/main.js');
const DEMO_LIMIT_MS = 110_000;

/** A command under way, with what it has printed so far. */
class Run {
  output = '';
  private readonly child: ChildProcess;
  private readonly ended: Promise<unknown[]>;

  constructor(args: string[], temporary: string) {
    this.child = spawn(process.execPath, [CLI, ...args], {
      env: { ...process.env, FORCE_COLOR: '1', TMPDIR: temporary },
    });
    this.ended = once(this.child, 'close');
    for (const stream of [this.child.stdout!, this.child.stderr!]) {
      stream.setEncoding('utf8').on('data', (text: string) => (this.output += text));
    }
  }

  /** Resolves when it has printed this; rejects with all that it printed when it ends before. */
  async printed(text: string): Promise<void> {
    while (!this.output.includes(text)) {
      const step = await Promise.race([once(this.child.stdout!, 'data'), this.ended.then(() => 'ended' as const)]);
      if (step === 'ended' && !this.output.includes(text))
        throw new Error(`It ended without '${text}':\n${this.output}`);
    }
  }

  async exitCode(): Promise<number | null> {
    await this.ended;
    return this.child.exitCode;
  }

  signal(name: NodeJS.Signals): void {
    this.child.kill(name);
  }
}

describe('millrace demo', () => {
  let temporary: TemporaryFolder;
  let run: Run;

  beforeEach(async () => {
    temporary = await makeTemporaryFolder();
  });
  afterEach(async () => {
    run.signal('SIGTERM');
    await run.exitCode();
    await temporary.remove();
  });

  it(
    'runs a batch, checks every line and tidies up',
    async () => {
      run = new Run(['demo', '--exit'], temporary.path);
      const code = await run.exitCode();
      expect(run.output).toContain('320 requests in ');
      expect(run.output).toContain('315 answered, 5 failed');
      expect(run.output).toContain('✓ each of the 320 custom_ids came back exactly once');
      expect(run.output).toContain('✓ exactly those 5 lines failed that were told to, each with its own status');
      expect(run.output).toContain('✓ ticket-0123 got an error of the model at first and was tried again');
      expect(run.output).not.toContain('\u001b'); // nobody watches, so nothing is drawn or coloured
      expect(code).toBe(0);
      expect(readdirSync(temporary.path)).toEqual([]);
    },
    DEMO_LIMIT_MS,
  );

  it(
    'leaves the server up until Ctrl-C, in the folder that was chosen',
    async () => {
      const folder = join(temporary.path, 'chosen');
      run = new Run(['demo', '--data-dir', folder], temporary.path);
      await run.printed('Ctrl-C stops it');
      const url = /API +(http\S+)\/v1/.exec(run.output)![1]!;
      expect((await fetch(`${url}/readyz`)).status).toBe(200);

      run.signal('SIGINT');
      expect(await run.exitCode()).toBe(0);
      await expect(fetch(`${url}/readyz`)).rejects.toThrow('fetch failed');
      expect(readdirSync(folder)).toEqual(expect.arrayContaining(['admin.key', 'server.log', 'sim.log']));
    },
    DEMO_LIMIT_MS,
  );

  it(
    'stops everything at Ctrl-C in the middle of the batch',
    async () => {
      run = new Run(['demo'], temporary.path);
      await run.printed(' failed ');
      const url = /server +(http\S+)/.exec(run.output)![1]!;
      run.signal('SIGINT');
      expect(await run.exitCode()).toBe(130);
      await expect(fetch(`${url}/readyz`)).rejects.toThrow('fetch failed');
      expect(readdirSync(temporary.path)).toEqual([]);
    },
    DEMO_LIMIT_MS,
  );

  it(
    'does the same over two processes of each kind, and leaves none of them behind',
    async () => {
      run = new Run(['demo', '--distributed'], temporary.path);
      await run.printed('Ctrl-C stops it');
      expect(run.output).toContain('✓ each of the 320 custom_ids came back exactly once');
      const [, first, second] = /engine-1 did (\d+), engine-2 did (\d+) of the lines/.exec(run.output)!;
      expect(Number(first) + Number(second)).toBe(320);
      const urls = [...run.output.matchAll(/API +(http\S+)\/v1/g)].map(([, url]) => url!);
      expect(urls).toHaveLength(2);
      for (const url of urls) expect((await fetch(`${url}/readyz`)).status).toBe(200);
      const folder = join(temporary.path, readdirSync(temporary.path)[0]!);
      const database = Number(readFileSync(join(folder, 'mariadb/pid'), 'utf8'));
      process.kill(database, 0); // it throws when there is none
      const [, engine, pid] = /engine +(http\S+) \(pid (\d+)\)/.exec(run.output)!;
      process.kill(Number(pid), 'SIGKILL');
      await run.printed(`The engine-1 is back at ${engine}.`);
      expect(run.output).toContain('The engine-1 ended by itself (SIGKILL); it is started again ...');
      expect((await fetch(`${engine}/readyz`)).status).toBe(200);

      run.signal('SIGINT');
      expect(await run.exitCode()).toBe(0);
      for (const url of urls) await expect(fetch(`${url}/readyz`)).rejects.toThrow('fetch failed');
      expect(() => process.kill(database, 0)).toThrow('ESRCH');
      expect(readdirSync(temporary.path)).toEqual([]);
    },
    DEMO_LIMIT_MS,
  );
});
