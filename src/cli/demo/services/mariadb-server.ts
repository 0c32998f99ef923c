/**
 * A private MariaDB: its own folder, a free port of the loopback interface. It syncs its log at each commit as a real one does,
 * so that a kill loses nothing that was answered.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { CliError } from '../../cli-error.js';
import { onFreePort, RunningProgram } from '../demo-processes.js';
import { answerOf } from './answers.js';
import { findProgram } from './find-program.js';
import { LocalService, onceUp } from './local-service.js';

const PACKAGE = 'mariadb-server';
const DATABASE = 'millrace';
const INSTALL_LIMIT_MS = 60_000;
/** It writes out what it holds in memory. */
const STOP_LIMIT_MS = 20_000;

const SETTINGS = [
  '--no-defaults',
  '--bind-address=127.0.0.1',
  '--skip-name-resolve',
  '--skip-log-bin',
  '--innodb-buffer-pool-size=64M',
  // What it has is little: it is not to give that back when the machine is short of memory.
  '--loose-innodb-buffer-pool-size-auto-min=64M',
  '--innodb-log-file-size=32M',
  '--innodb-flush-log-at-trx-commit=1',
  '--max-connections=200',
  '--performance-schema=OFF',
  '--loose-aria-pagecache-buffer-size=8M',
  '--key-buffer-size=64K',
];

export interface MariadbOptions {
  /** Gets its data, log and socket. Its path must be short, a socket's has 107 bytes at most. Data that is there is used. */
  folder: string;
  /** Of the user `millrace`, who may do everything. Letters and digits. */
  password: string;
  onDeath: (error: CliError) => void;
  /** Further options of the program. */
  settings?: readonly string[];
}

export class MariadbServer extends LocalService {
  private constructor(
    port: number,
    private readonly options: MariadbOptions,
    program: RunningProgram,
  ) {
    super(port, program);
  }

  /** Resolves when it answers. Throws CliError that says what to install when there is no MariaDB on this machine. */
  static async start(options: MariadbOptions, signal: AbortSignal): Promise<MariadbServer> {
    if (!existsSync(dataIn(options.folder))) await makeMariadbData(dataIn(options.folder));
    return onFreePort(async (port) => new MariadbServer(port, options, await launch(port, options, signal)));
  }

  /** Of an empty database at the first start. */
  get url(): string {
    return `mysql://millrace:${this.options.password}@127.0.0.1:${this.port}/${DATABASE}`;
  }

  /** Starts it again on the same data and port, after a kill or while it runs. */
  async restart(): Promise<void> {
    await this.stop();
    this.goOnWith(await launch(this.port, this.options, new AbortController().signal));
  }
}

/** An empty data folder. Made beside its place and then renamed, so that several processes may make it at once. */
export async function makeMariadbData(dataDir: string): Promise<void> {
  const installer = findProgram('mariadb-install-db', PACKAGE);
  const draft = `${dataDir}-${process.pid}`;
  await mkdir(draft, { recursive: true });
  const args = ['--no-defaults', `--datadir=${draft}`, '--skip-test-db', '--auth-root-authentication-method=normal'];
  const child = spawn(installer, [...args, `--user=${userInfo().username}`], {
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: INSTALL_LIMIT_MS,
  });
  const [said, [code]] = await Promise.all([text(child.stderr), once(child, 'exit') as Promise<[number | null]>]);
  if (code !== 0) throw new CliError(`mariadb-install-db failed: ${said.trim().split('\n').at(-1) ?? code}`);
  await rename(draft, dataDir).catch(() => rm(draft, { recursive: true, force: true })); // another was faster
}

export function dataIn(folder: string): string {
  return join(folder, 'data');
}

async function launch(
  port: number,
  { folder, password, onDeath, settings = [] }: MariadbOptions,
  signal: AbortSignal,
): Promise<RunningProgram> {
  // Read at each start, before the first connection.
  const init = join(folder, 'init.sql');
  const statements = [
    `CREATE DATABASE IF NOT EXISTS ${DATABASE};`,
    `CREATE USER IF NOT EXISTS millrace@'127.0.0.1' IDENTIFIED BY '${password}';`,
    `GRANT ALL ON *.* TO millrace@'127.0.0.1' WITH GRANT OPTION;`,
  ];
  await writeFile(init, statements.join('\n'), { mode: 0o600 });
  const socket = join(folder, 'socket');
  const own = [
    `--user=${userInfo().username}`,
    `--datadir=${dataIn(folder)}`,
    `--port=${port}`,
    `--socket=${socket}`,
    `--pid-file=${join(folder, 'pid')}`,
    `--init-file=${init}`,
  ];
  const program = RunningProgram.start(
    {
      name: 'MariaDB',
      command: findProgram('mariadbd', PACKAGE),
      args: [...SETTINGS, ...own, ...settings],
      env: process.env,
      folder,
      logPath: join(folder, 'mariadb.log'),
      stopLimitMs: STOP_LIMIT_MS,
    },
    onDeath,
  );
  return onceUp(program, () => answerOf(socket), signal);
}
