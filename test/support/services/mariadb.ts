/**
 * A private MariaDB for tests: its own folder, a free port of the loopback interface, gone when the test process is. It syncs
 * its log at each commit as a real one does, so that a kill loses nothing that was answered.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { createServer, connect } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { makeTemporaryFolder } from '../temporary-folder.js';

const SERVER_NAMES = ['/usr/sbin/mariadbd', '/usr/local/sbin/mariadbd', '/usr/bin/mariadbd'];
const INSTALLERS = ['/usr/bin/mariadb-install-db', '/usr/local/bin/mariadb-install-db'];
/** An empty data folder that later starts copy: to make one takes seconds, to copy it does not. */
const TEMPLATE = join(tmpdir(), `millrace-mariadb-template-${userInfo().uid}`);
const START_MS = 20_000;
const STOP_MS = 20_000;
export const DATABASE = 'millrace';

const SETTINGS = [
  '--no-defaults',
  '--bind-address=127.0.0.1',
  '--skip-name-resolve',
  '--skip-log-bin',
  '--innodb-buffer-pool-size=64M',
  '--innodb-log-file-size=32M',
  '--innodb-flush-log-at-trx-commit=1',
  '--max-connections=200',
  '--performance-schema=OFF',
  '--loose-aria-pagecache-buffer-size=1M',
  '--key-buffer-size=64K',
];

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

export interface MariadbServer {
  /** Of the database `millrace`, with a user that may do everything. */
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** Ends it as an operator would, and forgets its data. */
  stop: () => Promise<void>;
  /** As a power cut; resolves when the process is gone. */
  kill: () => Promise<void>;
  /** Freezes it: connections stay open and nothing answers. */
  pause: () => void;
  resume: () => void;
  /** Starts it again on the same data and port, after a kill or while it runs. */
  restart: () => Promise<void>;
}

/** Throws one line that says what to install when there is no MariaDB on this machine. */
export async function startMariadb(): Promise<MariadbServer> {
  const program = SERVER_NAMES.find((file) => existsSync(file));
  const installer = INSTALLERS.find((file) => existsSync(file));
  if (!program || !installer) {
    throw new Error(
      `these tests need MariaDB, and there is none at ${SERVER_NAMES[0]}: apt-get install mariadb-server`,
    );
  }
  if (!existsSync(TEMPLATE)) await makeTemplate(installer);
  const folder = await makeTemporaryFolder();
  const dataDir = join(folder.path, 'data');
  await cp(TEMPLATE, dataDir, { recursive: true });
  const port = await freePort();
  let child = await start(program, folder.path, dataDir, port);
  const end = async (signal: NodeJS.Signals) => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGCONT');
    child.kill(signal);
    const isGone = await Promise.race([gone.then(() => true), sleep(STOP_MS, false, { ref: false })]);
    if (!isGone) child.kill('SIGKILL');
    await gone;
  };
  return {
    url: `mysql://tester:secret@127.0.0.1:${port}/${DATABASE}`,
    port,
    get pid() {
      return child.pid!;
    },
    stop: async () => {
      await end('SIGTERM');
      await folder.remove();
    },
    kill: () => end('SIGKILL'),
    pause: () => void child.kill('SIGSTOP'),
    resume: () => void child.kill('SIGCONT'),
    restart: async () => {
      await end('SIGTERM');
      child = await start(program, folder.path, dataDir, port);
    },
  };
}

/** Made beside its place and then renamed, so that two test processes may make it at once. */
async function makeTemplate(installer: string): Promise<void> {
  const draft = `${TEMPLATE}-${process.pid}`;
  await mkdir(draft, { recursive: true });
  const options = ['--no-defaults', `--datadir=${draft}`, '--skip-test-db', '--auth-root-authentication-method=normal'];
  const user = `--user=${userInfo().username}`;
  const { status, stderr } = spawnSync(installer, [...options, user], { encoding: 'utf8', timeout: START_MS });
  if (status !== 0) throw new Error(`mariadb-install-db failed: ${stderr.trim().split('\n').at(-1) ?? status}`);
  await rename(draft, TEMPLATE).catch(() => rm(draft, { recursive: true, force: true }));
}

async function start(program: string, folder: string, dataDir: string, port: number): Promise<ChildProcess> {
  // Read at each start, before the first connection.
  const init = join(folder, 'init.sql');
  await writeFile(
    init,
    [
      `CREATE DATABASE IF NOT EXISTS ${DATABASE};`,
      `CREATE USER IF NOT EXISTS tester@'127.0.0.1' IDENTIFIED BY 'secret';`,
      `GRANT ALL ON *.* TO tester@'127.0.0.1' WITH GRANT OPTION;`,
    ].join('\n'),
  );
  const child = spawn(
    program,
    [
      ...SETTINGS,
      `--user=${userInfo().username}`,
      `--datadir=${dataDir}`,
      `--port=${port}`,
      `--socket=${join(folder, 'socket')}`,
      `--pid-file=${join(folder, 'pid')}`,
      `--init-file=${init}`,
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  running.add(child);
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-4_000)));
  child.once('exit', () => running.delete(child));
  const deadline = Date.now() + START_MS;
  while (!(await answers(port))) {
    if (child.exitCode !== null) throw new Error(`MariaDB did not start: ${said.trim().split('\n').at(-1)}`);
    if (Date.now() > deadline) {
      child.kill('SIGKILL');
      throw new Error(`MariaDB did not answer within ${START_MS} ms: ${said.trim().split('\n').at(-1)}`);
    }
    await sleep(50);
  }
  return child;
}

/** Whether it greets a client. */
function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const settle = (isGreeted: boolean) => {
      socket.destroy();
      resolve(isGreeted);
    };
    socket.setTimeout(1_000, () => settle(false));
    socket.once('data', () => settle(true));
    socket.once('error', () => settle(false));
    socket.once('close', () => settle(false));
  });
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
