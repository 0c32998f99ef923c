import { beforeEach, describe, expect, it } from 'vitest';
import { NoReportStreams } from '../../adapters/local/no-report-streams.js';
import { MillraceError } from '../../kernel/errors.js';
import type { QueuesService } from '../../modules/queues/queues.service.js';
import type { PullService } from '../../modules/tasks/pull.service.js';
import type { TaskReader } from '../../modules/tasks/task-reader.js';
import type { CompleteCall, HolderVerdict, ProgressCall } from '../../modules/tasks/task-requests.js';
import type { StreamedReport, StreamListener } from '../../ports/report-streams.js';
import { ReportIntake } from './report-intake.js';
import type { ReportOutcome, ReportTelemetry } from './report-telemetry.js';

const TENANT = 1;
const AWAY = new MillraceError('store_unavailable', 'The store is away.');

let listener: StreamListener;
let outcomes: ReportOutcome[];
let lost: unknown[];
/** What was written, in its order: `id: …` */
let written: string[];
/** What the next writes are refused with. */
let refusals: Error[];

class Streams extends NoReportStreams {
  override listen(given?: StreamListener): void {
    listener = given!;
  }
}

function refuse(): void {
  const refusal = refusals.shift();
  if (refusal) throw refusal;
}

beforeEach(() => {
  [outcomes, lost, written, refusals] = [[], [], [], []];
  const queue = { seq: 7, tenantSeq: TENANT, hasEventbus: true };
  const queues = { all: () => [queue, { ...queue, tenantSeq: 2, hasEventbus: false }], bySeq: () => queue };
  const pull = {
    progress: async (_tenant: number, { taskId, events }: ProgressCall): Promise<HolderVerdict> => {
      refuse();
      written.push(`${taskId}: ${events.map(({ data }) => data).join(' ')}`);
      return 'done';
    },
    complete: async (_tenant: number, calls: CompleteCall[]): Promise<HolderVerdict[]> => {
      refuse();
      for (const { taskId, body } of calls) written.push(`${taskId}= ${body}`);
      return calls.map(() => 'done');
    },
  };
  const telemetry = {
    heard: (outcome: ReportOutcome) => outcomes.push(outcome),
    lost: (error: unknown) => lost.push(error),
  };
  new ReportIntake(
    new Streams('nothing'),
    queues as unknown as QueuesService,
    pull as unknown as PullService,
    { storedByIds: async (ids: string[]) => ids.map(() => ({ queueSeq: 7 })) } as unknown as TaskReader,
    telemetry as unknown as ReportTelemetry,
  ).onApplicationBootstrap();
});

const says = (taskId: string, eventData: unknown): StreamedReport => ({
  name: 'task-progress-event',
  payload: Buffer.from(JSON.stringify({ taskId, eventData })),
});
const answers = (taskId: string, body: unknown): StreamedReport => ({
  name: 'task-completion-event',
  payload: Buffer.from(JSON.stringify({ taskId, result: { body } })),
});
const hear = (reports: StreamedReport[], signal = new AbortController().signal): Promise<void> =>
  listener.hear(TENANT, reports, signal);

describe('reports that came together', () => {
  it('become one write for each task that says something, and then one for all answers', async () => {
    await hear([says('a', 1), says('b', 2), answers('b', 3), says('a', 4), answers('a', 5)]);
    expect(written).toEqual(['a: 1 4', 'b: 2', 'b= 3', 'a= 5']);
    expect(outcomes).toEqual(Array.from({ length: 5 }, () => 'counted'));
  });

  it('do not count after the answer of their task, but for another answer, of which the store decides', async () => {
    await hear([answers('a', 1), says('a', 2), answers('a', 3)]);
    expect([written, outcomes]).toEqual([
      ['a= 1', 'a= 3'],
      ['late', 'counted', 'counted'],
    ]);
  });

  it('are those of tenants with a queue that is marked', () => {
    expect(listener.tenants()).toEqual(new Set([TENANT]));
  });
});

describe('while the store is away', () => {
  it('nothing is lost or written twice', async () => {
    refusals = [AWAY, AWAY];
    await hear([says('a', 1), answers('a', 2)]);
    refusals = [AWAY];
    await hear([answers('b', 3)]);
    expect(written).toEqual(['a: 1', 'a= 2', 'b= 3']);
    expect([outcomes, lost]).toEqual([['counted', 'counted', 'counted'], []]);
  });

  it('a server that ends gives them up soon', async () => {
    const ending = new AbortController();
    refusals = Array.from({ length: 100 }, () => AWAY);
    const heard = hear([says('a', 1), answers('a', 2)], ending.signal);
    ending.abort();
    await heard;
    expect([written, outcomes]).toEqual([[], ['failed', 'failed']]);
    expect(refusals.length).toBeGreaterThan(95);
  });

  it('what fails for another reason is given up at once, and the rest goes on', async () => {
    const defect = new Error('a defect');
    refusals = [defect];
    await hear([says('a', 1), answers('b', 2)]);
    expect([written, outcomes, lost]).toEqual([['b= 2'], ['failed', 'counted'], [defect]]);
  });
});
