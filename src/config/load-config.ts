import { isIPv4 } from 'node:net';
import { resolve } from 'node:path';
import { isatty } from 'node:tty';
import { plainToInstance } from 'class-transformer';
import { validateSync } from 'class-validator';
import type { AppConfig } from './app-config.js';
import { ConfigError, type ConfigProblem } from './config-error.js';
import { databaseCaProblem } from './database-url.js';
import { eventbusProblem } from './eventbus-url.js';
import { EnvDto, VARIABLES } from './env.dto.js';
import { gatherSettings, type Environment, type Setting } from './env-sources.js';

const STANDARD_OUTPUT = 1;
/** What a distributed deployment stands on, and an embedded server has no use for. */
const SERVICES = ['MILLRACE_DATABASE_URL', 'MILLRACE_REDIS_URL', 'MILLRACE_S3_URL'] as const;
/** Every process must have the same, so none can make its own. */
const SHARED_SECRETS = ['MILLRACE_ADMIN_KEY', 'MILLRACE_SECRET'] as const;

export interface ConfigInput {
  env: Environment;
  /** Relative paths start here, and the `.env` file is looked for here. */
  cwd: string;
  /** Whether people read the log. */
  isTerminal: boolean;
}

/**
 * Reads, checks and freezes the configuration. Touches nothing but `input`, the `.env` file, the `*_FILE`s and the database's
 * `tls_ca`.
 * Throws one ConfigError that lists all problems.
 */
export function loadConfig(input: ConfigInput): AppConfig {
  return deepFreeze(toConfig(resolveEnv(input).env, input));
}

/** The same from this process. What `overrides` holds, e.g. from the command line, goes before its environment. */
export function loadConfigFromProcess(overrides: Environment = {}): AppConfig {
  return loadConfig(processInput(overrides));
}

/** The only reader of `process.env`. */
export function processInput(overrides: Environment = {}): ConfigInput {
  const given = Object.entries(overrides).filter(([, text]) => text !== undefined);
  return {
    env: { ...process.env, ...Object.fromEntries(given) },
    cwd: process.cwd(),
    isTerminal: isatty(STANDARD_OUTPUT),
  };
}

/** Checked values, and the texts they were read from. Throws ConfigError. */
export function resolveEnv({ env, cwd }: ConfigInput): { env: EnvDto; settings: Setting[] } {
  const { settings, problems } = gatherSettings(VARIABLES, env, cwd);
  const texts = Object.fromEntries(settings.map(({ variable, text }) => [variable.name, text]));
  const dto = plainToInstance(EnvDto, texts);
  const refused = new Set(validateSync(dto, { stopAtFirstError: true }).map(({ property }) => property));
  const all = [
    ...settings.filter(({ variable }) => refused.has(variable.name)).map(refusal),
    ...contradictions(dto, refused),
    ...problems,
  ];
  if (all.length > 0) throw new ConfigError(all);
  return { env: dto, settings };
}

function refusal({ variable, text, origin }: Setting): ConfigProblem {
  const problem = text === null ? null : variable.problemOf(text);
  if (problem !== null) return { variable: variable.name, ...problem, wrong: `${problem.wrong} (${origin})` };
  const wrong = variable.isQuotable ? `cannot be '${text}'` : 'has a value that is not allowed';
  return { variable: variable.name, wrong: `${wrong} (${origin})`, allowed: `it takes ${variable.allowed}` };
}

/** What is wrong although each value is allowed by itself; says nothing about variables that are refused anyway. */
function contradictions(env: EnvDto, refused: ReadonlySet<string>): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const add = (variable: keyof EnvDto, wrong: string, allowed: string) => problems.push({ variable, wrong, allowed });
  const { MILLRACE_MODE: mode, MILLRACE_ROLE: role, MILLRACE_HOST: host } = env;
  if (!refused.has('MILLRACE_MODE')) {
    for (const name of SERVICES) {
      if (refused.has(name)) continue;
      if (mode === 'distributed' && env[name] === null)
        add(name, 'is needed when MILLRACE_MODE is distributed', 'set it');
    }
    for (const name of [...SERVICES, 'MILLRACE_EVENTBUS_URL'] as const) {
      if (mode !== 'embedded' || env[name] === null || refused.has(name)) continue;
      add(name, 'is set, but MILLRACE_MODE is embedded', 'set MILLRACE_MODE to `distributed`, or take it away');
    }
    for (const name of SHARED_SECRETS) {
      if (mode !== 'distributed' || env[name] !== null || refused.has(name)) continue;
      add(name, 'is needed when MILLRACE_MODE is distributed', 'set it, to the same value for every process');
    }
  }
  if (!refused.has('MILLRACE_DATABASE_URL')) {
    const problem = databaseCaProblem(env.MILLRACE_DATABASE_URL);
    if (problem !== null) add('MILLRACE_DATABASE_URL', problem.wrong, problem.allowed);
  }
  if (!refused.has('MILLRACE_EVENTBUS_URL') && !refused.has('MILLRACE_REDIS_URL')) {
    const problem = eventbusProblem(env.MILLRACE_EVENTBUS_URL, env.MILLRACE_REDIS_URL);
    if (problem !== null) add('MILLRACE_EVENTBUS_URL', problem.wrong, problem.allowed);
  }
  if (mode === 'embedded' && role !== 'all' && !refused.has('MILLRACE_ROLE')) {
    add('MILLRACE_ROLE', `cannot be '${role}' when MILLRACE_MODE is embedded`, 'it takes `all`');
  }
  if (env.MILLRACE_AUTH === 'off' && !isLoopbackHost(host) && !refused.has('MILLRACE_HOST')) {
    const allowed = 'it takes `on`, unless the host is 127.0.0.1, ::1 or localhost';
    add('MILLRACE_AUTH', `cannot be 'off' when MILLRACE_HOST is ${host}`, allowed);
  }
  if (env.MILLRACE_UPSTREAM_KEY !== null && env.MILLRACE_UPSTREAM_URL === null) {
    add('MILLRACE_UPSTREAM_KEY', 'is set, but MILLRACE_UPSTREAM_URL is not', 'set both or neither');
  }
  return problems;
}

/** Whether only this machine can reach what listens on `host`. */
export function isLoopbackHost(host: string): boolean {
  return host.toLowerCase() === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'));
}

function toConfig(env: EnvDto, { cwd, isTerminal }: ConfigInput): AppConfig {
  const format = env.MILLRACE_LOG_FORMAT;
  return {
    mode: env.MILLRACE_MODE,
    role: env.MILLRACE_ROLE,
    host: env.MILLRACE_HOST,
    port: env.MILLRACE_PORT,
    dataDir: resolve(cwd, env.MILLRACE_DATA_DIR),
    adminKey: env.MILLRACE_ADMIN_KEY,
    authEnabled: env.MILLRACE_AUTH === 'on',
    secret: env.MILLRACE_SECRET,
    services: servicesOf(env),
    upstream:
      env.MILLRACE_UPSTREAM_URL === null
        ? null
        : {
            url: env.MILLRACE_UPSTREAM_URL,
            key: env.MILLRACE_UPSTREAM_KEY,
            concurrency: env.MILLRACE_UPSTREAM_CONCURRENCY,
          },
    callbackAllow: env.MILLRACE_CALLBACK_ALLOW ?? [],
    handlersPath: env.MILLRACE_HANDLERS === null ? null : resolve(cwd, env.MILLRACE_HANDLERS),
    limits: {
      maxLines: env.MILLRACE_MAX_LINES,
      maxFileBytes: env.MILLRACE_MAX_FILE_BYTES,
      maxBatchBytes: env.MILLRACE_MAX_BATCH_BYTES,
      maxLineBytes: env.MILLRACE_MAX_LINE_BYTES,
      maxBodyBytes: env.MILLRACE_MAX_BODY,
      maxResultBytes: env.MILLRACE_MAX_RESULT,
      minFreeDiskBytes: env.MILLRACE_MIN_FREE_DISK,
      maxTries: env.MILLRACE_MAX_TRIES,
    },
    times: {
      cancelGraceMs: env.MILLRACE_CANCEL_GRACE,
      shutdownGraceMs: env.MILLRACE_SHUTDOWN_GRACE,
      requestTimeoutMs: env.MILLRACE_REQUEST_TIMEOUT,
      idleTimeoutMs: env.MILLRACE_IDLE_TIMEOUT,
      fileTtlMs: env.MILLRACE_FILE_TTL,
      retentionMs: env.MILLRACE_RETENTION,
      deadLetterRetentionMs: env.MILLRACE_DEAD_LETTER_RETENTION,
      batchRetentionMs: env.MILLRACE_BATCH_RETENTION,
      auditRetentionMs: env.MILLRACE_AUDIT_RETENTION,
    },
    log: {
      level: env.MILLRACE_LOG_LEVEL,
      format: format === 'auto' ? (isTerminal ? 'pretty' : 'json') : format,
    },
    crashAt: env.MILLRACE_TEST_CRASH_AT,
  };
}

/** The checks before have made sure that there are all of them or none. */
function servicesOf(env: EnvDto): AppConfig['services'] {
  const { MILLRACE_DATABASE_URL: databaseUrl, MILLRACE_REDIS_URL: redisUrl, MILLRACE_S3_URL: s3Url } = env;
  if (databaseUrl === null || redisUrl === null || s3Url === null) return null;
  return { databaseUrl, redisUrl, s3Url, eventbusUrl: env.MILLRACE_EVENTBUS_URL };
}

function deepFreeze<T extends object>(value: T): T {
  for (const part of Object.values(value)) {
    if (typeof part === 'object' && part !== null) deepFreeze(part);
  }
  return Object.freeze(value);
}
