/**
 * The demo's deployment: a database, Redis and a bucket, two servers that take requests and two that do the work, each a process
 * of its own on this machine.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadSecrets } from '../../config/generated-secrets.js';
import type { DemoServer, DemoStage } from './demo-stage.js';
import { MariadbServer } from './services/mariadb-server.js';
import { RedisServer } from './services/redis-server.js';

const S3_FILE = fileURLToPath(new URL('../../sim/s3-main.js', import.meta.url));
const S3_URL = /^s3 listening on (\S+)$/m;
/** It listens on loopback only, and is of the user who starts the demo. */
const DATABASE_PASSWORD = 'demo';
/** Of each engine's metrics: the lines that ended there. */
const LINES = /^millrace_batch_lines_total\{.*\} (\d+)$/gm;

/** What the demo runs over: requests go to this server, or to the other one. */
export interface DemoDeployment extends DemoServer {
  otherUrl: string;
  engines: readonly { name: string; url: string; pid: number }[];
}

/** Resolves when all of it is ready for work. */
export async function startDeployment(stage: DemoStage, upstreamUrl: string): Promise<DemoDeployment> {
  const services = await startServices(stage);
  const { adminKey, sealing } = loadSecrets({ dataDir: stage.folder, adminKey: null, secret: null });
  const settings = {
    MILLRACE_MODE: 'distributed',
    MILLRACE_UPSTREAM_URL: upstreamUrl,
    MILLRACE_ADMIN_KEY: adminKey.text,
    MILLRACE_SECRET: sealing.text,
    ...services,
  };
  const launch = (name: string, role: string, port = 0) =>
    stage.launch(name, { ...settings, MILLRACE_ROLE: role, MILLRACE_PORT: String(port) });
  const servers = [
    launch('api-1', 'api', await stage.choosePort()),
    launch('api-2', 'api'),
    launch('engine-1', 'engine'),
    launch('engine-2', 'engine'),
  ];
  const urls = await Promise.all(servers.map((server) => stage.ready(server)));
  const [url, otherUrl] = urls as [string, string];
  const engines = servers.slice(2).map(({ name, pid }, at) => ({ name, url: urls[at + 2]!, pid }));
  const logPath = join(stage.folder, 'api-1.log');
  return { url, otherUrl, engines, key: adminKey.text, keyPath: adminKey.path!, logPath };
}

/** Resolves with the settings that lead to them. */
async function startServices(stage: DemoStage): Promise<Record<string, string>> {
  const folderOf = (name: string): string => {
    const folder = join(stage.folder, name);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    return folder;
  };
  const { onDeath, signal } = stage;
  const keep = <T extends { stop: () => Promise<void> }>(server: T): T => stage.keep(server);
  const s3 = stage.start('s3', [S3_FILE, '--folder', folderOf('s3')], {});
  const [database, redis, s3Url] = await Promise.all([
    MariadbServer.start({ folder: folderOf('mariadb'), password: DATABASE_PASSWORD, onDeath }, signal).then(keep),
    RedisServer.start({ folder: folderOf('redis'), onDeath }, signal).then(keep),
    s3.waitFor('say where it listens', () => S3_URL.exec(s3.readLog())?.[1] ?? null, signal),
  ]);
  return { MILLRACE_DATABASE_URL: database.url, MILLRACE_REDIS_URL: redis.url, MILLRACE_S3_URL: s3Url };
}

/** How many lines of batches each engine has brought to their end. */
export async function shareOfWork({ engines, key }: DemoDeployment): Promise<{ name: string; lines: number }[]> {
  return Promise.all(
    engines.map(async ({ name, url }) => {
      const answer = await fetch(`${url}/metrics`, { headers: { authorization: `Bearer ${key}` } });
      const counts = [...(await answer.text()).matchAll(LINES)].map(([, count]) => Number(count));
      return { name, lines: counts.reduce((sum, count) => sum + count, 0) };
    }),
  );
}
