/**
 * The frozen configuration that everything else reads. Built once by `load-config.ts` from the variables that
 * `env.dto.ts` declares; spans are milliseconds, sizes are bytes.
 */
export type Mode = 'embedded' | 'distributed';
export type Role = 'all' | 'api' | 'engine';

/** DI token and type at once; provided by the composition root. */
export abstract class AppConfig {
  abstract readonly mode: Mode;
  abstract readonly role: Role;
  abstract readonly host: string;
  abstract readonly port: number;
  abstract readonly dataDir: string;
  /** Null: one is generated at first start and kept in the data folder. */
  abstract readonly adminKey: string | null;
  abstract readonly authEnabled: boolean;
  /** Seals upstream keys and webhook secrets. Null: one is generated at first start and kept in the data folder. */
  abstract readonly secret: string | null;
  /** What the distributed mode stands on; null when embedded. */
  abstract readonly services: ServicesConfig | null;
  abstract readonly upstream: UpstreamConfig | null;
  /** Hosts, addresses and CIDR networks that callbacks may reach although they are private. */
  abstract readonly callbackAllow: readonly string[];
  /** Path of a file with a Nest module of task handlers. */
  abstract readonly handlersPath: string | null;
  abstract readonly limits: Limits;
  abstract readonly times: Times;
  abstract readonly log: LogConfig;
  /** Fault tests only: name of the crash point to die at. */
  abstract readonly crashAt: string | null;
}

/** URLs of the services that all processes of a deployment share. They may hold passwords. */
export interface ServicesConfig {
  databaseUrl: string;
  redisUrl: string;
  s3Url: string;
  /** Redis as a user who may only add to streams of workers' reports; told to workers. Null: no reports over Redis. */
  eventbusUrl: string | null;
}

/** The upstream of the `default` queue. */
export interface UpstreamConfig {
  /** OpenAI base URL, normally ending in `/v1`; no trailing slash. */
  url: string;
  key: string | null;
  /** Requests in flight at most. */
  concurrency: number;
}

export interface Limits {
  maxLines: number;
  maxFileBytes: number;
  maxBatchBytes: number;
  maxLineBytes: number;
  /** JSON request bodies. */
  maxBodyBytes: number;
  /** One upstream answer. */
  maxResultBytes: number;
  /** Writes are refused with 507 below this much free disk. */
  minFreeDiskBytes: number;
  /** Executions of a batch line that got an answer worth retrying, or none. */
  maxTries: number;
}

export interface Times {
  cancelGraceMs: number;
  shutdownGraceMs: number;
  /** One upstream request, from its start to its last byte. */
  requestTimeoutMs: number;
  /** Silence of an upstream, before the headers or between two pieces of the body. */
  idleTimeoutMs: number;
  /** How long files and results live when nobody says otherwise. */
  fileTtlMs: number;
  /** How long ended tasks and the rows of ended batches' lines are kept. */
  retentionMs: number;
  /** How long failed tasks and undelivered callbacks are kept. */
  deadLetterRetentionMs: number;
  /** How long an ended batch itself is kept. */
  batchRetentionMs: number;
  /** How long audit entries are kept. */
  auditRetentionMs: number;
}

export interface LogConfig {
  level: 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent';
  format: 'pretty' | 'json';
}
