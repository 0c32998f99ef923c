/**
 * The writer thread: owns the one writing connection, runs groups one after the other, answers after each commit.
 * Being a thread of its own keeps fsync and SQL out of the event loop that serves HTTP.
 */
import 'reflect-metadata';
import { parentPort, workerData } from 'node:worker_threads';
import type { DataSource } from 'typeorm';
import { armCrashPoint } from '../../kernel/crash-point.js';
import { messageOf } from '../../kernel/errors.js';
import { GroupExecutor, type WriteCall } from '../group-executor.js';
import { migrate } from '../migrator.js';
import '../procedures/all-procedures.js';
import { SqliteConnection } from './sqlite-connection.js';
import { handleOf, openSqlite } from './sqlite-data-source.js';
import type { FromWriter, ToWriter, WriterOptions, WrittenCall } from './writer-protocol.js';

const MIGRATIONS = new URL('../../../migrations/sqlite/', import.meta.url);

const port = parentPort;
if (!port) throw new Error('the writer runs in a worker thread');
const options = workerData as WriterOptions;
const say = (message: FromWriter) => port.postMessage(message);

function parse({ procedure, argsJson }: WrittenCall): WriteCall {
  return { procedure, args: JSON.parse(argsJson) as unknown };
}

function serve(dataSource: DataSource): void {
  const executor = new GroupExecutor(new SqliteConnection(dataSource));
  let parsed: WriteCall[] = [];
  port!.on('message', (message: ToWriter) => {
    if (message.kind === 'close') {
      handleOf(dataSource).pragma('wal_checkpoint(TRUNCATE)');
      void dataSource.destroy().then(() => say({ kind: 'closed' }));
      return;
    }
    parsed.push(...message.calls.map(parse));
    if (message.kind === 'part') return;
    const calls = parsed;
    parsed = [];
    executor.execute(calls, message.now).then(
      (outcomes) =>
        say({ kind: 'done', id: message.id, outcomesJson: outcomes.map((outcome) => JSON.stringify(outcome)) }),
      (error: unknown) => say({ kind: 'broken', id: message.id, message: messageOf(error) }),
    );
  });
}

try {
  if (options.crashAt !== null) armCrashPoint(options.crashAt);
  const dataSource = await openSqlite(options.file, 'write');
  const migrations = await migrate(dataSource, MIGRATIONS, (runner, sql) => {
    handleOf(runner.dataSource).exec(sql);
    return Promise.resolve();
  });
  serve(dataSource);
  say({ kind: 'ready', migrations });
} catch (error) {
  say({ kind: 'start-failed', message: messageOf(error) });
}
