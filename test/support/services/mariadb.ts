/**
 * A private MariaDB for tests, gone when the test process is. With MILLRACE_TEST_MYSQL_URL it is the server of that address
 * instead, a MySQL 8 for example, whose user may do everything; specs that kill or freeze the server cannot run on it.
 */
import { existsSync } from 'node:fs';
import { cp } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import {
  dataIn,
  makeMariadbData,
  MariadbServer as PrivateServer,
} from '../../../src/cli/demo/services/mariadb-server.js';
import { makeTemporaryFolder, type TemporaryFolder } from '../temporary-folder.js';
import { reportDeath } from './report-death.js';

/** An empty data folder that later starts copy: to make one takes seconds, to copy it does not. */
const TEMPLATE = join(tmpdir(), `millrace-mariadb-template-${userInfo().uid}`);

export interface MariadbServer {
  /** Of a database with a user that may do everything. */
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** Ends it as an operator would, and forgets its data. */
  stop: () => Promise<void>;
  /** As those of the server itself. */
  kill: () => Promise<void>;
  pause: () => void;
  resume: () => void;
  restart: () => Promise<void>;
}

/**
 * In an empty folder of its own unless one is given. Throws one line that says what to install when there is no MariaDB on this
 * machine.
 */
export async function startMariadb(given?: TemporaryFolder, settings: readonly string[] = []): Promise<MariadbServer> {
  const url = process.env['MILLRACE_TEST_MYSQL_URL'];
  if (url) return serverAt(url);
  if (!existsSync(TEMPLATE)) await makeMariadbData(TEMPLATE);
  const folder = given ?? (await makeTemporaryFolder());
  await cp(TEMPLATE, dataIn(folder.path), { recursive: true });
  const options = { folder: folder.path, password: 'secret', onDeath: reportDeath, settings };
  const server = await PrivateServer.start(options, new AbortController().signal);
  return {
    url: server.url,
    port: server.port,
    get pid() {
      return server.pid;
    },
    stop: async () => {
      await server.stop();
      await folder.remove();
    },
    kill: () => server.kill(),
    pause: () => server.pause(),
    resume: () => server.resume(),
    restart: () => server.restart(),
  };
}

function serverAt(url: string): MariadbServer {
  const beyondUs = (): never => {
    throw new Error('the server of MILLRACE_TEST_MYSQL_URL is not a process of this test');
  };
  return {
    url,
    port: Number(new URL(url).port || 3306),
    get pid() {
      return beyondUs();
    },
    stop: () => Promise.resolve(),
    kill: beyondUs,
    pause: beyondUs,
    resume: beyondUs,
    restart: beyondUs,
  };
}
