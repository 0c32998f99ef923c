/** A look at the database from outside of the servers, which may run meanwhile. For tools of operators. */
import type { DataSource } from 'typeorm';
import { DeploymentStore } from '../deployment.store.js';
import { InstanceRow } from '../entities/instance.entity.js';
import { SettingRow } from '../entities/setting.entity.js';
import { UpstreamRow } from '../entities/upstream.entity.js';
import { INSPECT_BLOBS, INSPECT_COUNTS, type PromisedBlob, type StoreCounts } from '../inspection.js';
import { schemaDrift } from '../migrator.js';
import { MysqlCatalog } from './mysql-catalog.js';
import { openMysql } from './mysql-data-source.js';
import { migrateMysql, pendingMysqlMigrations } from './mysql-migrations.js';
import { MysqlRunner } from './mysql-runner.js';

/** What the database server says of itself, in the words of `SHOW VARIABLES`; absent where it knows none such. */
export type ServerVariables = Readonly<Record<string, string | undefined>>;

/** A process of the deployment that said a moment ago that it lives. */
export interface LivingInstance {
  role: string;
  host: string;
  pid: number;
}

/** The prober's own table; nobody else makes one of this name. */
const PROBE_TABLE = 'doctor_probe';
const ASKED = [
  'version',
  'version_comment',
  'wsrep_on',
  'group_replication_single_primary_mode',
  'group_replication_group_name',
  'read_only',
  'super_read_only',
  'max_connections',
  'max_user_connections',
  'max_allowed_packet',
  'innodb_flush_log_at_trx_commit',
];

export class MysqlInspection {
  private constructor(
    private readonly dataSource: DataSource,
    private readonly url: string,
  ) {}

  /** Rejects with what the driver says when the server cannot be reached, or refuses us. */
  static async open(url: string): Promise<MysqlInspection> {
    return new MysqlInspection(await openMysql({ url, poolSize: 2, isForWriting: true }), url);
  }

  async close(): Promise<void> {
    await this.dataSource.destroy();
  }

  async variables(): Promise<ServerVariables> {
    const names = ASKED.map((name) => `'${name}'`).join(', ');
    const rows = await this.dataSource.query<{ Variable_name: string; Value: string }[]>(
      `SHOW GLOBAL VARIABLES WHERE Variable_name IN (${names})`,
    );
    return Object.fromEntries(rows.map(({ Variable_name, Value }) => [Variable_name.toLowerCase(), Value]));
  }

  /** How this connection is encrypted, e.g. `TLSv1.3`; null: it is not. */
  async tlsVersion(): Promise<string | null> {
    const [row] = await this.dataSource.query<[{ Value: string }]>(`SHOW SESSION STATUS LIKE 'Ssl_version'`);
    return row.Value === '' ? null : row.Value;
  }

  /** What its clock shows, epoch ms. */
  async now(): Promise<number> {
    const [row] = await this.dataSource.query<[{ now: number }]>('SELECT FLOOR(UNIX_TIMESTAMP(NOW(3)) * 1000) AS now');
    return row.now;
  }

  /**
   * Does with a table of its own all that a server does with the others, and drops it. Rejects with what the database says
   * of the first step that it refuses. Returns the milliseconds that one commit took.
   */
  async tryAll(): Promise<number> {
    const runner = this.dataSource.createQueryRunner();
    try {
      await runner.query(`CREATE TABLE IF NOT EXISTS ${PROBE_TABLE} (seq BIGINT PRIMARY KEY) ENGINE = InnoDB`);
      try {
        await runner.query(`ALTER TABLE ${PROBE_TABLE} ADD COLUMN note BIGINT NULL, ADD INDEX ix_note (note)`);
        await runner.query('START TRANSACTION');
        await runner.query(`INSERT INTO ${PROBE_TABLE} (seq, note) VALUES (1, 1)`);
        await runner.query(`SELECT seq FROM ${PROBE_TABLE} WHERE seq = 1 FOR UPDATE SKIP LOCKED`);
        await runner.query(`UPDATE ${PROBE_TABLE} SET note = 2 WHERE seq = 1`);
        const startedAt = performance.now();
        await runner.query('COMMIT');
        const tookMs = performance.now() - startedAt;
        await runner.query(`DELETE FROM ${PROBE_TABLE} WHERE seq = 1`);
        return tookMs;
      } finally {
        await runner.query(`DROP TABLE IF EXISTS ${PROBE_TABLE}`);
      }
    } finally {
      await runner.release();
    }
  }

  /** Names of migrations that have not run here. Throws for a schema that a newer version has made. */
  pendingMigrations(): Promise<string[]> {
    return pendingMysqlMigrations(this.dataSource);
  }

  /** Runs them, and returns their names. While another process does, it waits for that. */
  migrate(): Promise<string[]> {
    return migrateMysql(this.dataSource);
  }

  /** Statements that would make the schema what this version expects; empty when it is. */
  async drift(): Promise<string[]> {
    const [row] = await this.dataSource.query<[{ version: string }]>('SELECT VERSION() AS version');
    const schemaOf = /mariadb/i.test(row.version) ? 'mariadb' : 'mysql';
    const source = await openMysql({ url: this.url, poolSize: 1, isForWriting: false, schemaOf });
    try {
      return await schemaDrift(source);
    } finally {
      await source.destroy();
    }
  }

  async counts(): Promise<StoreCounts> {
    const [counts] = await this.runner.all(new MysqlCatalog().of(INSPECT_COUNTS), {});
    return counts as StoreCounts;
  }

  promisedBlobs(): Promise<PromisedBlob[]> {
    return this.runner.all(new MysqlCatalog().of(INSPECT_BLOBS), {}) as Promise<PromisedBlob[]>;
  }

  get deployment(): DeploymentStore {
    return new DeploymentStore(this.dataSource.manager);
  }

  upstreams(): Promise<UpstreamRow[]> {
    return this.dataSource.manager.find(UpstreamRow, { order: { seq: 'ASC' } });
  }

  /** Processes that gave a sign of life after `since`, epoch ms of the database's clock. */
  async livingInstances(since: number): Promise<LivingInstance[]> {
    const rows = await this.dataSource.manager.find(InstanceRow, { order: { seq: 'ASC' } });
    return rows.filter(({ heartbeatAt, endedAt }) => endedAt === null && heartbeatAt >= since);
  }

  async setting(name: string): Promise<string | null> {
    return (await this.dataSource.manager.findOneBy(SettingRow, { name }))?.value ?? null;
  }

  private get runner(): MysqlRunner {
    return MysqlRunner.on(this.dataSource);
  }
}
