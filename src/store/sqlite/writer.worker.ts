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
import '../procedures/all-procedures.js';
import { SqliteConnection } from './sqlite-connection.js';
import { handleOf, openSqlite } from './sqlite-data-source.js';
import { migrateSqlite } from './sqlite-migrations.js';
import { packOutcomes, unpackCalls } from './packed.js';
import { SpaceReclaimer } from './space-reclaimer.js';
import type { FromWriter, ToWriter, WriterOptions } from './writer-protocol.js';

const port = parentPort;
if (!port) throw new Error('the writer runs in a worker thread');
const options = workerData as WriterOptions;
const say = (message: FromWriter) => port.postMessage(message);

function serve(dataSource: DataSource): void {
  const executor = new GroupExecutor(new SqliteConnection(dataSource));
  const space = new SpaceReclaimer(handleOf(dataSource));
  let parts: WriteCall[] = [];
  port!.on('message', (message: ToWriter) => {
    if (message.kind === 'close') {
      space.stop();
      handleOf(dataSource).pragma('wal_checkpoint(TRUNCATE)');
      void dataSource.destroy().then(() => say({ kind: 'closed' }));
      return;
    }
    const calls = parts.concat(unpackCalls(message.calls));
    if (message.kind === 'part') {
      parts = calls;
      return;
    }
    parts = [];
    space.noteGroup();
    executor.execute(calls, message.now).then(
      (outcomes) => say({ kind: 'done', outcomes: packOutcomes(outcomes) }),
      (error: unknown) => say({ kind: 'broken', message: messageOf(error) }),
    );
  });
}

try {
  if (options.crashAt !== null) armCrashPoint(options.crashAt);
  const dataSource = await openSqlite(options.file, 'write');
  const migrations = await migrateSqlite(dataSource);
  serve(dataSource);
  say({ kind: 'ready', migrations });
} catch (error) {
  say({ kind: 'start-failed', message: messageOf(error) });
}
