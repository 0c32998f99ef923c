import { beforeEach, describe, expect, it, vi } from 'vitest';
import { FakeClock, START_AT } from '../../../../test/support/fake-clock.js';
import type { AppConfig } from '../../../config/app-config.js';
import { MillraceError } from '../../../kernel/errors.js';
import type { RegisteredHandler } from '../../../modules/handlers/handler-registry.js';
import type { Lane } from '../../../modules/queues/queues.service.js';
import { LostText, type Spill } from '../../../modules/tasks/spill.js';
import type { TaskNotices } from '../../../modules/tasks/task-notices.js';
import type { TaskReader } from '../../../modules/tasks/task-reader.js';
import type { LeasedTask } from '../../../store/procedures/task-shapes.js';
import type { SingleTaskStore } from '../../../store/single-task.store.js';
import type { TaskStore } from '../../../store/task.store.js';
import type { DispatchTelemetry } from '../dispatch-telemetry.js';
import type { EventRelays } from '../event-relays.js';
import { Recorder } from '../recorder.js';
import { HandlerRunner } from './handler-runner.js';

const TASK = { seq: 7, id: 'task_7', epoch: 1, batchSeq: null, tries: 0 } as LeasedTask;
const STORED = { seq: 7, id: 'task_7', mode: 'callback', callbackUrl: null, expiresAt: null, bodyBlobKey: 'spill_1' };
const LANE = {
  seq: 1,
  level: 0,
  queue: { name: 'q', maxConcurrency: null, retry: { maxTries: null, backoff: { firstMs: 100, maxMs: 100 } } },
} as unknown as Lane;

describe('a task of a handler', () => {
  const stored = vi.fn();
  const bodiesOf = vi.fn();
  const giveBack = vi.fn(() => Promise.resolve(true));
  const finish = vi.fn(() => Promise.resolve({ isRecorded: true, isBatchDone: false }));
  const run = vi.fn(() => Promise.resolve({ done: true }));
  const onFree = vi.fn();
  const clock = new FakeClock();
  const telemetry = new Proxy({}, { get: () => () => {} }) as DispatchTelemetry;
  let runner: HandlerRunner;

  beforeEach(() => {
    vi.clearAllMocks();
    stored.mockResolvedValue([STORED]);
    bodiesOf.mockResolvedValue(new Map([[TASK.seq, '{"n":1}']]));
    const recorder = new Recorder(
      { limits: { maxTries: 1 } } as AppConfig,
      { giveBack, finish } as unknown as TaskStore,
      {} as Spill,
      {} as SingleTaskStore,
      { after: () => {} } as unknown as TaskNotices,
      clock,
      telemetry,
    );
    runner = new HandlerRunner(
      recorder,
      { open: () => ({ isHeard: false, say: () => {}, close: () => Promise.resolve() }) } as unknown as EventRelays,
      { stored, bodiesOf } as unknown as TaskReader,
      {} as SingleTaskStore,
      clock,
      telemetry,
    );
  });

  async function runTask(): Promise<void> {
    runner.start(LANE, { name: 'H.run', type: 'draw', run, retry: {} } as unknown as RegisteredHandler, TASK, onFree);
    await runner.drained();
    expect(onFree).toHaveBeenCalledOnce();
  }

  it('has failed, and is not tried again, when its caller would have gone by then though it would still be there', async () => {
    run.mockRejectedValue(new Error('no ink'));
    for (const waitMs of [5_000, 200]) {
      stored.mockResolvedValue([{ ...STORED, mode: 'blocking', expiresAt: START_AT + waitMs + 1_000 }]);
      onFree.mockClear();
      await runTask();
    }
    run.mockResolvedValue({ done: true });
    expect(giveBack.mock.calls).toMatchObject([[{ isTry: true, attempt: { detail: 'handler_failed: no ink' } }]]);
    expect(finish.mock.calls).toMatchObject([[{ state: 'failed', errorCode: 'handler_failed' }]]);
  });

  it.each([
    ['the blobs', () => bodiesOf.mockResolvedValue(new Map([[TASK.seq, outage('storage_unavailable')]]))],
    ['the store', () => stored.mockRejectedValue(outage('store_unavailable'))],
  ])('goes back for a while, untried, as long as %s cannot be reached, and runs then', async (_, strike) => {
    strike();
    await runTask();
    expect([run, finish].map((end) => end.mock.calls)).toEqual([[], []]);
    expect(giveBack.mock.calls).toEqual([
      [{ seq: 7, epoch: 1, laneSeq: 1, availableAt: START_AT + 5_000, isTry: false, isLoss: false, attempt: null }],
    ]);

    stored.mockResolvedValue([STORED]);
    bodiesOf.mockResolvedValue(new Map([[TASK.seq, '{"n":1}']]));
    onFree.mockClear();
    await runTask();
    expect(finish).toHaveBeenCalledWith(expect.objectContaining({ state: 'completed', body: '{"done":true}' }));
  });

  it('is a dead letter when its input is gone', async () => {
    bodiesOf.mockResolvedValue(new Map([[TASK.seq, new LostText('it is missing')]]));
    await runTask();
    expect([run, giveBack].map((end) => end.mock.calls)).toEqual([[], []]);
    expect(finish).toHaveBeenCalledWith(expect.objectContaining({ state: 'failed', errorCode: 'input_unreadable' }));
  });
});

function outage(code: 'store_unavailable' | 'storage_unavailable'): MillraceError {
  return new MillraceError(code, 'It is away.');
}
