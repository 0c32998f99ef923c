import type { LogConfig, Mode, Role } from './app-config.js';
import { databaseUrlProblem } from './database-url.js';
import { redisUrlProblem } from './redis-url.js';
import { s3UrlProblem } from './s3-url.js';
import {
  BaseUrl,
  Choice,
  Host,
  NetworkList,
  Secret,
  ServiceUrl,
  Size,
  Span,
  Text,
  Whole,
  variablesOf,
} from './variable.decorators.js';
import { DAY_MS, MiB } from './units.js';

/** Held in memory whole, several at a time; also well below the longest string there can be (512 MiB). */
const IN_MEMORY = { min: 1, max: 256 * MiB };
const ON_DISK = { min: 1, max: 1024 * 1024 * MiB };
/** Waits are timers, and those reach no further than 24.8 days. */
const WAIT = { min: 1, max: DAY_MS };
const GRACE = { min: 0, max: DAY_MS };
const KEEPING = { min: 1_000, max: 3_650 * DAY_MS };

/** Every variable there is. Sizes are read into bytes, spans into milliseconds; null means not set. */
export class EnvDto {
  @Choice(['embedded', 'distributed'], {
    default: 'embedded',
    about: 'Where state lives: `embedded` is one process with a folder of its own and no other service.',
  })
  MILLRACE_MODE: Mode;

  @Choice(['all', 'api', 'engine'], {
    default: 'all',
    about: 'What this process does: serve HTTP, run the engines, or all of it. An embedded server does all.',
  })
  MILLRACE_ROLE: Role;

  @Host({ default: '127.0.0.1', about: 'Address to listen on; `0.0.0.0` is every IPv4 address of the machine.' })
  MILLRACE_HOST: string;

  @Whole({ min: 0, max: 65_535 }, { default: '8080', about: 'TCP port to listen on; 0 takes any free one.' })
  MILLRACE_PORT: number;

  @Text(/./, 'a path', { default: './data', about: 'Folder of the database, the files and the generated keys.' })
  MILLRACE_DATA_DIR: string;

  @Secret(
    { minLength: 16 },
    {
      about:
        'API key with every right; if not set, an embedded server makes one at first start and keeps it in its folder.',
    },
  )
  MILLRACE_ADMIN_KEY: string | null;

  @Choice(['on', 'off'], {
    default: 'on',
    about: 'Whether callers need an API key; `off` only where nobody but this machine can call (a loopback host).',
  })
  MILLRACE_AUTH: 'on' | 'off';

  @Secret(
    { minLength: 16 },
    {
      about:
        'Seals upstream keys and webhook secrets at rest; if not set, an embedded server makes one at first start and keeps it in its folder.',
    },
  )
  MILLRACE_SECRET: string | null;

  @ServiceUrl(['mysql', 'mariadb'], databaseUrlProblem, {
    about:
      'Distributed mode: the database, e.g. `mysql://user:password@host:3306/millrace`, `…/millrace?tls=on` for TLS.',
  })
  MILLRACE_DATABASE_URL: string | null;

  @ServiceUrl(['redis', 'rediss'], redisUrlProblem, {
    about: 'Distributed mode: Redis, e.g. `redis://:password@host:6379`.',
  })
  MILLRACE_REDIS_URL: string | null;

  @ServiceUrl(['redis', 'rediss'], redisUrlProblem, {
    about:
      'Distributed mode: the same Redis as a user who may only XADD, for workers that report over Redis; they are told it. ' +
      'Not set: they report over HTTP.',
  })
  MILLRACE_EVENTBUS_URL: string | null;

  @ServiceUrl(['s3', 'http', 'https'], s3UrlProblem, {
    about:
      'Distributed mode: the bucket, `s3://bucket/prefix?region=…` at AWS or `https://key:secret@host/bucket/prefix` elsewhere.',
  })
  MILLRACE_S3_URL: string | null;

  @BaseUrl({ about: 'OpenAI-compatible base URL that serves the `default` queue, normally ending in `/v1`.' })
  MILLRACE_UPSTREAM_URL: string | null;

  @Secret({ minLength: 1 }, { about: 'API key sent to that upstream.' })
  MILLRACE_UPSTREAM_KEY: string | null;

  @Whole({ min: 1, max: 10_000 }, { default: '64', about: 'Requests to that upstream at the same time, at most.' })
  MILLRACE_UPSTREAM_CONCURRENCY: number;

  @NetworkList({
    about:
      'What callbacks may reach although it is private or loopback; of cloud metadata only what is listed by address.',
  })
  MILLRACE_CALLBACK_ALLOW: readonly string[] | null;

  @Text(/\.[cm]?js$/, 'the path of a `.js`, `.mjs` or `.cjs` file', {
    about: 'File whose default export is a Nest module with task handlers.',
  })
  MILLRACE_HANDLERS: string | null;

  @Whole({ min: 1, max: 10_000_000 }, { default: '50000', about: 'Lines of one batch, at most.' })
  MILLRACE_MAX_LINES: number;

  @Size(ON_DISK, { default: '512MiB', about: 'Bytes of one uploaded file, at most.' })
  MILLRACE_MAX_FILE_BYTES: number;

  @Size(ON_DISK, { default: '200MiB', about: 'Bytes of the input file of one batch, at most.' })
  MILLRACE_MAX_BATCH_BYTES: number;

  @Size(IN_MEMORY, { default: '10MiB', about: 'Bytes of one line of a batch, at most.' })
  MILLRACE_MAX_LINE_BYTES: number;

  @Size(IN_MEMORY, { default: '16MiB', about: 'Bytes of one JSON request body, at most.' })
  MILLRACE_MAX_BODY: number;

  @Size(IN_MEMORY, { default: '64MiB', about: 'Bytes of one answer of an upstream, at most.' })
  MILLRACE_MAX_RESULT: number;

  @Size(
    { ...ON_DISK, min: 0 },
    { default: '512MiB', about: 'With less free disk than this, writes are refused with 507.' },
  )
  MILLRACE_MIN_FREE_DISK: number;

  @Whole(
    { min: 1, max: 100 },
    { default: '5', about: 'Tries of a task before it fails, when its queue does not say; 2 while its caller waits.' },
  )
  MILLRACE_MAX_TRIES: number;

  @Span(GRACE, { default: '60s', about: 'How long requests of a cancelled batch may go on before they are aborted.' })
  MILLRACE_CANCEL_GRACE: number;

  @Span(GRACE, { default: '30s', about: 'How long a stopping server waits for requests that are under way.' })
  MILLRACE_SHUTDOWN_GRACE: number;

  @Span(WAIT, { default: '10m', about: 'How long one upstream request may take, from its start to its last byte.' })
  MILLRACE_REQUEST_TIMEOUT: number;

  @Span(WAIT, { default: '2m', about: 'How long an upstream may be silent during a request.' })
  MILLRACE_IDLE_TIMEOUT: number;

  @Span(KEEPING, { default: '30d', about: 'How long files and results are kept when their owner does not say.' })
  MILLRACE_FILE_TTL: number;

  @Span(KEEPING, {
    default: '30d',
    about: 'How long ended tasks and the lines of ended batches are kept; a queue may say otherwise for its tasks.',
  })
  MILLRACE_RETENTION: number;

  @Span(KEEPING, { default: '90d', about: 'How long failed tasks and undelivered callbacks (dead letters) are kept.' })
  MILLRACE_DEAD_LETTER_RETENTION: number;

  @Span(KEEPING, { default: '365d', about: 'How long an ended batch can still be listed and retrieved.' })
  MILLRACE_BATCH_RETENTION: number;

  @Span(KEEPING, { default: '365d', about: 'How long the audit log is kept.' })
  MILLRACE_AUDIT_RETENTION: number;

  @Choice(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'], {
    default: 'info',
    about: 'The least level that is logged.',
  })
  MILLRACE_LOG_LEVEL: LogConfig['level'];

  @Choice(['auto', 'pretty', 'json'], {
    default: 'auto',
    about: 'Log lines for people or for machines; `auto` is `pretty` on a terminal, else `json`.',
  })
  MILLRACE_LOG_FORMAT: LogConfig['format'] | 'auto';

  @Text(/^[a-z][a-z._-]*(:[a-z][a-z._-]*)*(:[1-9]\d*)?$/i, 'the name of a crash point, or `name:n` for the nth time', {
    about: 'For fault tests only: the process kills itself at this crash point.',
  })
  MILLRACE_TEST_CRASH_AT: string | null;
}

export const VARIABLES = variablesOf(EnvDto);
