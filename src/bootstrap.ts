import v8 from 'node:v8';
/** From a configuration to a server that answers, and back. */
import 'reflect-metadata';
import type { AddressInfo } from 'node:net';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { serveApiDocs } from './api/common/api-docs.js';
import { BACKLOG, createHttpAdapter } from './api/common/http-server.js';
import { assembleApp, type AppParts } from './app.module.js';
import type { AppConfig } from './config/app-config.js';
import { ConfigError } from './config/config-error.js';
import type { GivenOrKept } from './config/generated-secrets.js';
import { loadConfigFromProcess } from './config/load-config.js';
import { BATCH_TRANSITIONS, INITIAL_BATCH_STATES } from './kernel/batch-state.js';
import { CALLBACK_TRANSITIONS, INITIAL_CALLBACK_STATES } from './kernel/callback-state.js';
import { armCrashPoint } from './kernel/crash-point.js';
import { messageOf } from './kernel/errors.js';
import { INITIAL_TASK_STATES, TASK_TRANSITIONS } from './kernel/task-state.js';
import { checkTransitions } from './kernel/transitions.js';
import { createLogger, type AppLogger } from './telemetry/logger.js';
import { NestLogger } from './telemetry/nest-logger.js';

export interface RunningServer {
  /** Base URL without a path, such as `http://127.0.0.1:8080`. */
  url: string;
  /** The key with every right. */
  adminKey: string;
  /** Takes no more requests, lets those under way end within the grace time, and closes everything. */
  close(): Promise<void>;
}

/** Resolves when the server answers and all engines run; rejects with everything undone that was begun. */
export async function startServer(config: AppConfig, logger = createLogger(config.log)): Promise<RunningServer> {
  checkTransitions('task states', TASK_TRANSITIONS, INITIAL_TASK_STATES);
  checkTransitions('batch states', BATCH_TRANSITIONS, INITIAL_BATCH_STATES);
  checkTransitions('callback states', CALLBACK_TRANSITIONS, INITIAL_CALLBACK_STATES);
  if (config.crashAt !== null) armCrashPoint(config.crashAt);
  const parts = await assembleApp(config, logger);
  let app: NestFastifyApplication | null = null;
  try {
    app = await createApp(config, logger, parts);
    await app.listen({ host: config.host, port: config.port, backlog: BACKLOG });
  } catch (error) {
    // What goes wrong in undoing half a start says less than why it had to be undone.
    await Promise.allSettled([app?.close()]);
    await parts.close();
    throw friendly(error, config);
  }
  parts.phase.serve();
  const url = urlOf(app);
  logger.info({ url, dataDir: config.dataDir }, `millrace is listening on ${url}`);
  introduceAdminKey(parts.secrets.adminKey, logger);
  let closing: Promise<void> | null = null;
  const running = app;
  return {
    url,
    adminKey: parts.secrets.adminKey.text,
    close: () => (closing ??= closeServer(config, running, parts)),
  };
}

async function createApp(config: AppConfig, logger: AppLogger, parts: AppParts): Promise<NestFastifyApplication> {
  const adapter = createHttpAdapter({
    maxBodyBytes: config.limits.maxBodyBytes,
    isLoopbackOnly: !config.authEnabled,
    dialects: parts.dialects,
    phase: parts.phase,
    routes: parts.routes,
    metrics: parts.metrics,
    logger,
  });
  const app = await NestFactory.create<NestFastifyApplication>(parts.module, adapter, {
    logger: new NestLogger(logger),
    bodyParser: false,
    abortOnError: false,
  });
  serveApiDocs(app);
  return app;
}

async function closeServer(config: AppConfig, app: NestFastifyApplication, parts: AppParts): Promise<void> {
  parts.phase.stop();
  const http = app.getHttpServer();
  const outOfPatience = setTimeout(() => http.closeAllConnections(), config.times.shutdownGraceMs);
  try {
    // Both at once: requests that wait for work end because the engines go on with what they have begun.
    await Promise.all([app.getHttpAdapter().getInstance().close(), app.close()]);
  } finally {
    clearTimeout(outOfPatience);
    await parts.close();
  }
}

/** An address that works for a client on this machine. */
function urlOf(app: NestFastifyApplication): string {
  const { address, family, port } = app.getHttpServer().address() as AddressInfo;
  if (address === '0.0.0.0' || address === '::') return `http://127.0.0.1:${port}`;
  return family === 'IPv6' ? `http://[${address}]:${port}` : `http://${address}:${port}`;
}

/** What goes wrong most often, said with what to do about it. */
function friendly(error: unknown, { host, port }: AppConfig): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : null;
  if (code !== 'EADDRINUSE') return error;
  return new Error(`port ${port} of ${host} is taken; set MILLRACE_PORT to another, or 0 for any free one`);
}

/** Shown once, and only to a person: logs are read by others and kept. */
function introduceAdminKey({ text, path, isNew }: GivenOrKept, logger: AppLogger): void {
  if (path === null) return;
  if (isNew && process.stdout.isTTY) {
    process.stdout.write(`\nYour API key, shown this once and kept in ${path}:\n\n    ${text}\n\n`);
  } else {
    logger.info({ path }, 'the admin key is in this file');
  }
}

/** npm passes a Ctrl-C on that the terminal has sent already; that one is not impatience. */
const SAME_SIGNAL_MS = 1_000;

/**
 * Runs a server as the business of this process: until SIGTERM or SIGINT, then it ends with 0; a second signal ends it
 * at once. Ends with 1, and says why, if the server cannot start.
 */
export async function runServer(load: () => AppConfig = loadConfigFromProcess): Promise<void> {
  keepHeapSmall();
  makeObjectsYoung();
  sparePeakOfParser();
  const config = orExit(load);
  const logger = createLogger(config.log);
  for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
    process.on(event, (error: unknown) => {
      logger.fatal({ err: error }, 'a defect ends this server');
      process.exit(1);
    });
  }
  // From the start on, so that a signal that comes while the server starts stops it afterwards.
  const stopped = signalled(logger);
  try {
    const server = await startServer(config, logger);
    await stopped;
    await server.close();
    logger.info({}, 'millrace has stopped');
    process.exit(0);
  } catch (error) {
    logger.fatal({ err: error }, `millrace cannot go on: ${messageOf(error)}`);
    process.exit(1);
  }
}

function orExit(load: () => AppConfig): AppConfig {
  try {
    return load();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    return process.exit(1);
  }
}

/** Resolves at the first signal; a later one ends the process. */
function signalled(logger: AppLogger): Promise<void> {
  let firstAt: number | null = null;
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.on(signal, () => {
        const now = performance.now();
        if (firstAt === null) {
          firstAt = now;
          logger.info({ signal }, 'stopping; once more to stop at once');
          resolve();
        } else if (now - firstAt > SAME_SIGNAL_MS) {
          process.exit(1);
        }
      });
    }
  });
}

/**
 * By itself V8 lets the heap grow to several times what is alive before it collects the old generation: a server that idles
 * at 170 MB then peaks at 320 in a large batch. At 40 % it stays at about 260, for some 4 % more CPU time.
 */
function keepHeapSmall(): void {
  v8.setFlagsFromString('--heap-growing-percent=40');
}

/**
 * V8 makes objects in the old generation at once where it has seen many of their kind survive. Of a server with many requests in
 * flight they all survive for a moment, so in one start of three it chose so for good, and collected the old generation four
 * times a second from then on: half as much CPU again for each put.
 */
function makeObjectsYoung(): void {
  v8.setFlagsFromString('--no-allocation-site-pretenuring');
}

/**
 * The parser of upstreams' answers is WebAssembly, of which one function is so large that V8 takes 35 MB to optimize it, in the
 * middle of the first batch. As it is compiled at first it costs a few microseconds more a line at most.
 */
function sparePeakOfParser(): void {
  v8.setFlagsFromString('--no-wasm-tier-up');
  v8.setFlagsFromString('--no-wasm-dynamic-tiering');
}
