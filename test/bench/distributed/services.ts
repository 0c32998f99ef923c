/** MariaDB, Redis and the stand-in for S3 of one bench, and servers in distributed mode on them. */
import { randomBytes } from 'node:crypto';
import { createConnection } from 'mysql2/promise';
import { startMariadb } from '../../support/services/mariadb.js';
import { RedisService } from '../../support/services/redis.js';
import { S3Service } from '../../support/services/s3.js';
import type { BenchEnv } from '../bench-kit.js';

export interface BenchServices {
  redis: RedisService;
  /** e.g. `MariaDB 10.11.6, Redis 7.0.15`. */
  versions: string;
  /** Of a server on an empty database, Redis and bucket; no server of before may still run. */
  freshEnv(): Promise<BenchEnv>;
  /** Rows of all tables of the latest database, exactly. */
  countRows(): Promise<number>;
  /** Bytes that Redis has in use now. */
  redisBytes(): Promise<number>;
  stop(): Promise<void>;
}

export async function startServices(): Promise<BenchServices> {
  const started = await Promise.all([startMariadb(), RedisService.start(), S3Service.start(1_000)]);
  const [mariadb, redis, s3] = started;
  const sql = await createConnection({ uri: mariadb.url });
  const client = redis.client();
  const [[found]] = (await sql.query('SELECT version() AS version')) as unknown as [[{ version: string }]];
  const redisVersion = /redis_version:(\S+)/.exec(await client.info('server'))?.[1];
  let count = 0;
  const nameOf = (index: number) => `bench_${index}`;
  return {
    redis,
    versions: `MariaDB ${found.version}, Redis ${redisVersion}`,
    async freshEnv() {
      count += 1;
      await sql.query(`CREATE DATABASE ${nameOf(count)}`);
      await client.flushall();
      const [database, bucket] = [new URL(mariadb.url), new URL(s3.url)];
      database.pathname = `/${nameOf(count)}`;
      bucket.pathname = `${bucket.pathname.replace(/\/$/, '')}/${nameOf(count)}`;
      return {
        MILLRACE_MODE: 'distributed',
        MALLOC_ARENA_MAX: '1', // as docker/compose.distributed.yml starts it
        MILLRACE_DATABASE_URL: database.href,
        MILLRACE_REDIS_URL: redis.url,
        MILLRACE_S3_URL: bucket.href,
        MILLRACE_ADMIN_KEY: randomBytes(24).toString('hex'),
        MILLRACE_SECRET: randomBytes(24).toString('hex'),
      };
    },
    async countRows() {
      const [tables] = await sql.query(`SHOW TABLES FROM ${nameOf(count)}`);
      let rows = 0;
      for (const table of tables as Record<string, string>[]) {
        const name = Object.values(table)[0];
        const [counted] = await sql.query(`SELECT COUNT(*) AS n FROM ${nameOf(count)}.\`${name}\``);
        rows += Number((counted as { n: number }[])[0]?.n);
      }
      return rows;
    },
    async redisBytes() {
      return Number(/used_memory:(\d+)/.exec(await client.info('memory'))![1]);
    },
    async stop() {
      await sql.end();
      await Promise.all(started.map((service) => service.stop()));
    },
  };
}
