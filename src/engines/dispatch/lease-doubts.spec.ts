import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FakeTime } from '../../../test/support/fake-time.js';
import { START_AT } from '../../../test/support/fake-clock.js';
import { LeaseRescue } from '../../modules/instances/lease-rescue.js';
import type { EventBus } from '../../ports/event-bus.js';
import type { CallbackStore } from '../../store/callback.store.js';
import type { InstanceStore } from '../../store/instance.store.js';
import type { RescueStep, TaskStore } from '../../store/task.store.js';
import type { DispatchPorts } from './dispatch-ports.js';
import type { DispatchTelemetry } from './dispatch-telemetry.js';
import type { HandlerRunner } from './handlers/handler-runner.js';
import { LeaseDoubts, LOOK_AFTER_MS } from './lease-doubts.js';
import type { TaskRunner } from './task-runner.js';

const OWNER_SEQ = 7;
const NOTHING: RescueStep = { rescued: 0, doneBatchSeqs: [], isMore: false };

describe('leases that this process may have without knowing', () => {
  let time: FakeTime;
  let doubts: LeaseDoubts;
  let running: number[];
  const rescueUnknown = vi.fn<TaskStore['rescueUnknown']>();
  const publish = vi.fn();
  const telemetry = { failed: vi.fn(), foundUnknown: vi.fn() };

  beforeEach(() => {
    vi.clearAllMocks();
    rescueUnknown.mockResolvedValue(NOTHING);
    time = FakeTime.start();
    running = [1, 2];
    doubts = new LeaseDoubts(
      { clock: time.clock, instance: { seq: OWNER_SEQ } } as unknown as DispatchPorts,
      new LeaseRescue(
        { rescueUnknown } as unknown as TaskStore,
        {} as CallbackStore,
        {} as InstanceStore,
        { publish } as unknown as EventBus,
      ),
      { taskSeqs: () => running } as unknown as TaskRunner,
      { taskSeqs: () => [3] } as unknown as HandlerRunner,
      telemetry as unknown as DispatchTelemetry,
    );
  });
  afterEach(() => {
    doubts.beforeApplicationShutdown();
    time.stop();
  });

  it('are looked for a while after a lease has failed, among those from before, but for what runs then', async () => {
    doubts.note();
    await time.advance(LOOK_AFTER_MS - 1);
    expect(rescueUnknown).not.toHaveBeenCalled();
    running = [2, 5];
    await time.advance(1);
    expect(rescueUnknown.mock.calls).toEqual([[OWNER_SEQ, START_AT, [2, 5, 3]]]);
    expect(telemetry.foundUnknown).not.toHaveBeenCalled();
    await time.advance(10 * LOOK_AFTER_MS);
    expect(rescueUnknown).toHaveBeenCalledTimes(1);
  });

  it('go back step by step, and batches that are done by it are told of', async () => {
    rescueUnknown.mockResolvedValueOnce({ rescued: 2_000, doneBatchSeqs: [4], isMore: true });
    rescueUnknown.mockResolvedValueOnce({ rescued: 1, doneBatchSeqs: [], isMore: false });
    doubts.note();
    await time.advance(LOOK_AFTER_MS);
    expect(publish.mock.calls).toEqual([['batch.finalize', { batchSeq: 4 }]]);
    expect(telemetry.foundUnknown.mock.calls).toEqual([[2_001]]);
  });

  it('are looked for as long as leases fail, and a while longer', async () => {
    doubts.note();
    await time.advance(LOOK_AFTER_MS / 2);
    doubts.note();
    const lastAt = time.clock.now();
    await time.advance(10 * LOOK_AFTER_MS);
    expect(rescueUnknown.mock.calls.map(([, leasedUntil]) => leasedUntil)).toEqual([START_AT, lastAt]);
  });

  it('are looked for again when the store cannot be asked', async () => {
    rescueUnknown.mockRejectedValueOnce(new Error('gone'));
    doubts.note();
    await time.advance(2 * LOOK_AFTER_MS);
    expect(rescueUnknown.mock.calls.map(([, leasedUntil]) => leasedUntil)).toEqual([START_AT, START_AT]);
    expect(telemetry.failed).toHaveBeenCalledTimes(1);
  });

  it('are no business of a server that stops', async () => {
    doubts.note();
    doubts.beforeApplicationShutdown();
    await time.advance(2 * LOOK_AFTER_MS);
    expect(rescueUnknown).not.toHaveBeenCalled();
    expect(time.timers()).toBe(0);
  });
});
