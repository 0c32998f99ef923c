import { describe, expect, it } from 'vitest';
import type { AppConfig } from '../../config/app-config.js';
import type { Lane, QueuesService } from '../../modules/queues/queues.service.js';
import { TaskNotices } from '../../modules/tasks/task-notices.js';
import type { TaskWaiters } from '../../modules/tasks/task-waiters.js';
import type { EventBus } from '../../ports/event-bus.js';
import type { BatchStore, StoredBatch } from '../../store/batch.store.js';
import type { SettleWindow } from '../../store/procedures/batch.procedures.js';
import { Settler } from './settler.js';

const GRACE_MS = 1_000;
/** Lanes 1 and 2 are of one queue with a limit, lane 3 of one without. */
const LANES = [
  { seq: 1, queue: { seq: 7, maxConcurrency: 4 } },
  { seq: 2, queue: { seq: 7, maxConcurrency: 4 } },
  { seq: 3, queue: { seq: 8, maxConcurrency: null } },
] as unknown as Lane[];

/** A batch of 3,000 lines in lanes 1 and 3, and what others are told while it is settled, in order. */
function stage(now: number) {
  const said: [string, unknown][] = [];
  const events = {
    publish: (topic: string, event: unknown) => said.push([topic, event]),
  } as unknown as EventBus;
  const queues = {
    laneBySeq: (seq: number) => LANES.find((lane) => lane.seq === seq),
    allLanes: () => LANES,
    call: (seqs: Iterable<number>) => said.push(['call', [...seqs].sort((a, b) => a - b)]),
  } as unknown as QueuesService;
  const batches = {
    settle: ({ after, isWithLeased }: SettleWindow) => {
      said.push(['settle', after]);
      return Promise.resolve({ settled: 5, live: isWithLeased ? 0 : 1, freedLaneSeqs: isWithLeased ? [1, 3] : [] });
    },
  } as unknown as BatchStore;
  const settler = new Settler(
    { times: { cancelGraceMs: GRACE_MS } } as AppConfig,
    { now: () => now },
    batches,
    events,
    new TaskNotices(events, queues, {} as unknown as TaskWaiters),
  );
  return { settler, said };
}

const batch = (over: Partial<StoredBatch>): StoredBatch => {
  const stopped = { seq: 5, total: 3_000, ingested: 3_000, settledAt: null, cancellingAt: 0 };
  return { ...stopped, outcome: 'cancelled', ...over } as unknown as StoredBatch;
};

describe('settling a batch that was stopped', () => {
  it.each([
    ['its grace is over', batch({}), GRACE_MS],
    ['its window is over', batch({ outcome: 'expired' }), 0],
  ])('aborts what runs, and then calls those who get its room, when %s', async (_, stopped, now) => {
    const { settler, said } = stage(now);
    expect(await settler.settle(stopped)).toBe(true);
    expect(said).toEqual([
      ['settle', 0],
      ['settle', 2_000],
      ['batch.abort', { batchSeq: 5 }],
      ['call', [1, 2, 3]],
    ]);
  });

  it('tells nobody while what runs may go on', async () => {
    const { settler, said } = stage(GRACE_MS - 1);
    expect(await settler.settle(batch({}))).toBe(false);
    expect(said.filter(([topic]) => topic !== 'settle')).toEqual([['call', []]]);
  });
});
