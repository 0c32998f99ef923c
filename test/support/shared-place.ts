/** A database and prefixes of its own, for the servers of one test, in the services that all tests of a run share. */
import { randomUUID } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { createConnection, type Connection } from 'mysql2/promise';
import type { DataSource } from 'typeorm';
import { S3BlobStore } from '../../src/adapters/distributed/s3/s3-blob-store.js';
import { parseS3Url } from '../../src/config/s3-url.js';
import { SystemClock } from '../../src/kernel/clock.js';
import type { Database } from '../../src/store/database.js';
import { ALL_ENTITIES } from '../../src/store/entities/all-entities.js';
import { openMysql } from '../../src/store/mysql/mysql-data-source.js';
import { MysqlDatabase } from '../../src/store/mysql/mysql-database.js';
import { putBytes } from './blobs.js';
import type { Place, ServerEnv, StoredRows } from './place.js';
import type { SharedServices } from './services/shared-services.js';
import { makeTemporaryFolder, type TemporaryFolder } from './temporary-folder.js';

const ADMIN_KEY = 'an-admin-key-of-tests-0123456789';
const SECRET = 'a-sealing-secret-of-tests-0123456789';

export class SharedPlace implements Place {
  readonly folder: string;
  readonly env: ServerEnv;

  private constructor(
    private readonly databaseUrl: string,
    private readonly s3Url: string,
    redisUrl: string,
    private readonly temporary: TemporaryFolder,
  ) {
    this.folder = temporary.path;
    this.env = {
      MILLRACE_MODE: 'distributed',
      MILLRACE_DATABASE_URL: databaseUrl,
      MILLRACE_REDIS_URL: redisUrl,
      MILLRACE_S3_URL: s3Url,
      MILLRACE_ADMIN_KEY: ADMIN_KEY,
      MILLRACE_SECRET: SECRET,
    };
  }

  static async make({ databaseUrl, redisUrl, s3Url }: SharedServices): Promise<SharedPlace> {
    const name = `t_${randomUUID().replaceAll('-', '').slice(0, 16)}`;
    const connection = await createConnection({ uri: databaseUrl });
    await connection.query(`CREATE DATABASE ${name}`);
    await connection.end();
    const [own, bucket] = [new URL(databaseUrl), new URL(s3Url)];
    own.pathname = `/${name}`;
    bucket.pathname = `${bucket.pathname.replace(/\/$/, '')}/${name}`;
    return new SharedPlace(own.href, bucket.href, redisUrl, await makeTemporaryFolder());
  }

  async adminKey(): Promise<string> {
    return ADMIN_KEY;
  }

  examine<R>(look: (stored: StoredRows) => Promise<R>): Promise<R> {
    return this.connected((connection) =>
      look({
        rows: async <Row>(sql: string) => (await connection.query(sql))[0] as Row[],
        damage: async () => [],
      }),
    );
  }

  alter(sql: string): Promise<number> {
    return this.connected(async (connection) => {
      const [result] = await connection.query(sql);
      return (result as { affectedRows: number }).affectedRows;
    });
  }

  openDatabase(): Promise<Database> {
    return MysqlDatabase.open({ url: this.databaseUrl, mayMigrate: false });
  }

  openSource(): Promise<DataSource> {
    return openMysql({ url: this.databaseUrl, poolSize: 2, isForWriting: true });
  }

  blobKeys(): Promise<string[]> {
    return this.withBlobs(async (blobs) => {
      const keys: string[] = [];
      for await (const { key } of blobs.keys()) keys.push(key);
      return keys;
    });
  }

  blob(key: string): Promise<Buffer> {
    return this.withBlobs(async (blobs) => buffer(await blobs.read(key)));
  }

  damageBlob(key: string, bytes: Buffer | null): Promise<void> {
    return this.withBlobs((blobs) => (bytes === null ? blobs.delete(key) : putBytes(blobs, key, bytes)));
  }

  /** What is smaller than a part of an upload stays in the server's memory until it is whole. */
  readonly showsBeginnings = false;

  /** Unfinished uploads are aborted a day later; `s3-blobs.spec.ts` looks at them. */
  async unfinishedNames(): Promise<string[]> {
    return [];
  }

  storedNames(): Promise<string[]> {
    return this.blobKeys();
  }

  async contents(): Promise<Buffer[]> {
    const rows = await this.connected(async (connection) => {
      const tables: Buffer[] = [];
      for (const { name } of await this.tables()) {
        const [found] = await connection.query(`SELECT * FROM "${name}"`);
        tables.push(Buffer.from(JSON.stringify(found)));
      }
      return tables;
    });
    const blobs: Buffer[] = [];
    for (const key of await this.blobKeys()) blobs.push(await this.blob(key));
    return [...rows, ...blobs];
  }

  async remove(): Promise<void> {
    await this.connected((connection) =>
      connection.query(`DROP DATABASE ${new URL(this.databaseUrl).pathname.slice(1)}`),
    );
    await this.forget();
  }

  /** For one whose services are gone with all that they kept. */
  async forget(): Promise<void> {
    await this.temporary.remove();
  }

  private async tables(): Promise<{ name: string }[]> {
    const source = await this.openSource();
    try {
      return ALL_ENTITIES.map((entity) => ({ name: source.getMetadata(entity).tableName }));
    } finally {
      await source.destroy();
    }
  }

  private async connected<R>(work: (connection: Connection) => Promise<R>): Promise<R> {
    const connection = await createConnection({ uri: this.databaseUrl, decimalNumbers: true });
    try {
      // So that names which are words of MySQL's can be quoted as in SQLite.
      await connection.query("SET SESSION sql_mode = CONCAT(@@sql_mode, ',ANSI_QUOTES')");
      return await work(connection);
    } finally {
      await connection.end();
    }
  }

  private async withBlobs<R>(work: (blobs: S3BlobStore) => Promise<R>): Promise<R> {
    const log = { onRefused: () => {}, onLeftBehind: () => {} };
    const blobs = new S3BlobStore({ location: parseS3Url(this.s3Url), clock: new SystemClock(), log });
    try {
      return await work(blobs);
    } finally {
      await blobs.close();
    }
  }
}
