/**
 * The server kills itself before and after the commit of each kind of write, in the order in which they come in the life of
 * a batch. Before the commit nothing of the write may be left, after it all of it; and every next server goes on by itself.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { declaredProcedures } from '../../src/store/procedure.js';
import '../../src/store/procedures/all-procedures.js';
import { createBatch, upload } from '../support/batches.js';
import { chatLines } from '../support/chat-lines.js';
import { FaultRun } from '../support/fault-run.js';
import { SimProcess } from '../support/sim-process.js';
import { until } from '../support/until.js';
import { KILLS_AT_ALL, killedAt } from '../support/write-subset.js';

/** A kind of write, and the question, as SQL, whether it has happened. */
type Write = readonly [procedure: string, hasHappened: string];

const START: readonly Write[] = [
  ['setting-ensure', 'SELECT COUNT(*) > 0 FROM setting'],
  ['instance-register', 'SELECT COUNT(*) > 0 FROM instance'],
  ['tenant-ensure', 'SELECT COUNT(*) > 0 FROM tenant'],
  ['upstream-put', 'SELECT COUNT(*) > 0 FROM upstream'],
  ['queue-put', 'SELECT COUNT(*) > 0 FROM queue'],
];
const INTAKE: readonly Write[] = [
  ['file-create', 'SELECT COUNT(*) > 0 FROM file'],
  ['batch-create', 'SELECT COUNT(*) > 0 FROM batch'],
  ['lane-ensure', 'SELECT COUNT(*) > 0 FROM lane'],
  ['batch-lines', 'SELECT COUNT(*) > 0 FROM task'],
];
const WORK: readonly Write[] = [
  ['task-lease', 'SELECT COUNT(*) > 0 FROM task WHERE epoch > 0'],
  ['task-rescue', 'SELECT COUNT(*) = 0 FROM task WHERE state = 2'],
  ['task-finish', 'SELECT COUNT(*) > 0 FROM task_result'],
];
const RETRY: readonly Write[] = [['task-return', 'SELECT COUNT(*) > 0 FROM task WHERE state = 0']];
// Over services another group may lease them in the same moment.
const RETURN: readonly Write[] = [
  ['task-promote', 'SELECT COUNT(*) > 0 FROM task WHERE state IN (1, 2) AND tries > 0'],
];
const STOP: readonly Write[] = [
  ['instance-end', 'SELECT ended_at IS NOT NULL FROM instance ORDER BY seq DESC LIMIT 1'],
];
const END: readonly Write[] = [
  ['batch-plan', 'SELECT planned_output_id IS NOT NULL FROM batch'],
  ['batch-finish', "SELECT state = 'completed' FROM batch"],
];
const CANCEL: readonly Write[] = [
  ['batch-cancel', "SELECT outcome = 'cancelled' FROM batch"],
  ['batch-settle', 'SELECT COUNT(*) > 0 FROM task WHERE state = 6'],
];
const EXPIRY: readonly Write[] = [['batch-expire', "SELECT outcome = 'expired' FROM batch"]];
const REFUSAL: readonly Write[] = [['batch-fail', "SELECT COUNT(*) > 0 FROM batch WHERE state = 'failed'"]];
const DELETION: readonly Write[] = [['file-delete', 'SELECT COUNT(*) > 0 FROM file WHERE deleted_at IS NOT NULL']];
const CLEANING: readonly Write[] = [
  ['blob-collect', 'SELECT COUNT(*) = 0 FROM file'],
  ['blob-drop', 'SELECT COUNT(*) = 0 FROM "blob"'],
];
const FILE_EXPIRY: readonly Write[] = [['file-expire', 'SELECT COUNT(*) > 0 FROM file WHERE deleted_at IS NOT NULL']];

const LIFE = [START, INTAKE, WORK, RETRY, RETURN, STOP, END];
const COVERED = [...LIFE, CANCEL, EXPIRY, REFUSAL, DELETION, CLEANING, FILE_EXPIRY].flat();

/** Of a run that does not kill at all of them: a batch is taken and read in, its answers are recorded, and it ends. */
const SOME = ['batch-create', 'batch-lines', 'task-finish', 'batch-finish'];

const ACTS_OF_PEOPLE = (
  'key-create key-revoke key-rotate tenant-update queue-create queue-update queue-pause queue-delete ' +
  'upstream-create upstream-update upstream-delete ' +
  'webhook-secret-rotate callback-replay'
).split(' ');

const SINGLE_TASKS = (
  'task-put task-put-once task-take task-complete task-heartbeat task-release task-fail task-progress task-cancel task-end-leases ' +
  'task-expire task-redrive task-drop lane-clear lane-cancel-cleared'
).split(' ');

const AMONG_OTHERS = 'instance-beat instance-bury instance-end-silent instance-rescued claim-take claim-drop'.split(
  ' ',
);

/** Writes that are no part of a batch's life, with the reason why nothing of it depends on them. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  ...Object.fromEntries(SINGLE_TASKS.map((write) => [write, 'task-write-points.spec.ts'])),
  'task-lease-typed': 'as task-lease, for functions of this process, which the server alone has none of',
  'probe-write': 'writes nothing',
  'callback-lease': 'callbacks.spec.ts',
  'callback-record': 'callbacks.spec.ts',
  'callback-rescue': 'callbacks.spec.ts',
  'webhook-secret-ensure': 'callbacks.spec.ts',
  ...Object.fromEntries(AMONG_OTHERS.map((write) => [write, 'where there are other servers: distributed mode'])),
  'task-forget': 'retention.spec.ts',
  'batch-clear': 'retention.spec.ts',
  'callback-forget': 'forgets what is of no use any more; what a crash leaves is forgotten by the next sweep',
  'deleted-lane-forget': 'forgets what is of no use any more; what a crash leaves is forgotten by the next sweep',
  'instance-forget': 'forgets what is of no use any more; what a crash leaves is forgotten by the next sweep',
  'rows-forget': 'forgets what is of no use any more; what a crash leaves is forgotten by the next sweep',
  ...Object.fromEntries(ACTS_OF_PEOPLE.map((act) => [act, 'done by people, who see whether they got an answer'])),
};

const LINES = chatLines(200);
/** A custom id must not come twice. */
const NOT_FIT = `${LINES[0]!.text}\n${LINES[0]!.text}\n`;

vi.setConfig({ testTimeout: 300_000 });

let sim: SimProcess;
let run: FaultRun;

beforeAll(async () => {
  sim = await SimProcess.start();
});
afterAll(() => sim.close());

async function prepare(latencyMs = 5): Promise<void> {
  await sim.control.change({ latencyMs, rate500: 0 });
  run = await FaultRun.prepare({ sim, lines: LINES, env: { MILLRACE_CANCEL_GRACE: '200ms' } });
}

/** Dies before and after each of these writes, one after the other, while the work is done. */
async function expectDeaths(writes: readonly Write[], work?: () => Promise<unknown>): Promise<void> {
  for (const [procedure, hasHappened] of killedAt(writes, ([name]) => name, SOME)) {
    for (const side of ['before', 'after'] as const) {
      await run.dieAt(`write:${procedure}:${side}`, work);
      const left = await run.examine(async (remains) => ({
        hasHappened: (await remains.value(hasHappened)) === 1,
        problems: await remains.problems(),
      }));
      const expected = { hasHappened: side === 'after', problems: [] };
      expect(left, `killed ${side} the commit of '${procedure}'`).toEqual(expected);
    }
  }
}

/** That the batch has ended with some of its lines run, and the others not. */
async function expectStopped(status: string): Promise<void> {
  const report = await run.finish(({ batch: { request_counts: counts } }) => ({
    'lines that were run': counts!.completed,
    'lines that were not run': counts!.total - counts!.completed,
  }));
  expect(report.problems).toEqual([]);
  expect(run.batch!.status).toBe(status);
}

describe('a server that is killed before and after every write', () => {
  afterEach(() => run.close());

  it('brings its batch to the end', async () => {
    await prepare();
    await expectDeaths(START);
    await expectDeaths(INTAKE);
    await expectDeaths(WORK);
    await sim.control.change({ rate500: 1 });
    await expectDeaths(RETRY);
    await sim.control.change({ rate500: 0 });
    await expectDeaths(RETURN);
    await expectDeaths(STOP, async () => run.server.send('SIGTERM'));
    await expectDeaths(END);
    await run.restart();
    const report = await run.finish(({ rescued }) => ({ 'leases that a next server took back': rescued }));
    expect(report.problems).toEqual([]);
    expect(run.batch!.status).toBe('completed');
    expect(run.batch!.request_counts!.completed).toBe(LINES.length);
  });

  if (!KILLS_AT_ALL) return;

  it('cancels its batch', async () => {
    await prepare(50);
    await expectDeaths(CANCEL, async () => {
      await run.submit();
      await run.ended(({ status, request_counts }) => status === 'cancelling' || request_counts!.completed > 0);
      await run.client.batches.cancel(run.batch!.id);
      await run.ended();
    });
    for (const point of ['finalize:page', 'finalize:written', 'finalize:finished']) await run.dieAt(point);
    await run.restart();
    await expectStopped('cancelled');
  });

  it('lets its batch expire', async () => {
    await prepare(50);
    await run.dieAt('dispatch:recorded:20');
    expect(await run.server.place.alter('UPDATE batch SET expires_at = created_at')).toBe(1);
    await expectDeaths(EXPIRY);
    await run.restart();
    await expectStopped('expired');
  });

  it('refuses a batch that is not fit, and lets go of its file', async () => {
    await prepare();
    const files = async () => (await run.client.files.list()).data;
    await expectDeaths(REFUSAL, async () => {
      run.fileId ??= await upload(run.client, NOT_FIT);
      run.batch = await createBatch(run.client, run.fileId);
      await run.ended();
    });
    await expectDeaths(DELETION, () => run.client.files.delete(run.fileId!));
    await expectDeaths(CLEANING, () => until(files, (left) => left.length > 0));
    await run.dieAt('write:file-create:after', () => upload(run.client, NOT_FIT));
    expect(await run.server.place.alter('UPDATE file SET expires_at = created_at')).toBe(1);
    await expectDeaths(FILE_EXPIRY, () => until(files, (left) => left.length > 0));
    await run.restart();
    expect(await files()).toEqual([]);
  });
});

describe('the list of writes', () => {
  const declared = declaredProcedures();
  const covered = COVERED.map(([procedure]) => procedure);

  it(`is whole: ${covered.length} of ${declared.length} are killed before and after, the others are excused`, () => {
    expect([...covered, ...Object.keys(ELSEWHERE)].sort()).toEqual(declared.toSorted());
  });

  it('sends nobody to a spec that does not know the write', () => {
    for (const [procedure, spec] of Object.entries(ELSEWHERE).filter(([, where]) => where.endsWith('.spec.ts'))) {
      expect(readFileSync(join(import.meta.dirname, spec), 'utf8'), spec).toContain(procedure);
    }
  });
});
