import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FakeTime } from '../../../test/support/fake-time.js';
import type { QueuesService } from '../../modules/queues/queues.service.js';
import type { InstanceStore } from '../../store/instance.store.js';
import type { OwnedLeases, TaskStore } from '../../store/task.store.js';
import type { DispatchPorts } from './dispatch-ports.js';
import type { DispatchTelemetry } from './dispatch-telemetry.js';
import { RollCall } from './roll-call.js';

/** Longer than between two looks. */
const A_WHILE_MS = 600;
const LANES = [1, 2, 3].map((seq) => ({
  seq,
  upstream: seq === 3 ? null : { seq: 7, fingerprint: 'f' },
  queue: { consumers: new Set(['upstream']) },
}));
const KEY = 'upstream:7:f';

describe('an engine that calls the roll', () => {
  let time: FakeTime;
  let silent: number[];
  let leases: OwnedLeases[];
  const callRoll = vi.fn(() => Promise.resolve(silent));
  const answerFor = vi.fn();
  const ownedLeases = vi.fn(() => Promise.resolve(leases));
  const call = vi.fn();
  let rollCall: RollCall;

  beforeEach(async () => {
    vi.clearAllMocks();
    time = FakeTime.start();
    [silent, leases] = [[], []];
    rollCall = new RollCall(
      { limiter: { callRoll, answerFor }, instance: { seq: 1 } } as unknown as DispatchPorts,
      { isAlone: false },
      { runners: () => Promise.resolve([2, 4]) } as unknown as InstanceStore,
      { ownedLeases, hasReady: (seq: number) => Promise.resolve(seq === 2) } as unknown as TaskStore,
      { allLanes: () => LANES, laneBySeq: (seq: number) => LANES[seq - 1], call } as unknown as QueuesService,
      { failed: (error: unknown) => expect.unreachable(String(error)) } as unknown as DispatchTelemetry,
    );
    rollCall.onApplicationBootstrap();
    await time.advance(0);
  });
  afterEach(async () => {
    const stopped = rollCall.beforeApplicationShutdown();
    await time.advance(A_WHILE_MS);
    await stopped;
    time.stop();
  });

  it('says at once who it is, and asks nothing more while all are there', async () => {
    expect(callRoll.mock.calls).toEqual([[1, []]]);
    await time.advance(A_WHILE_MS);
    expect(callRoll).toHaveBeenLastCalledWith(1, [2, 4]);
    expect([answerFor, ownedLeases, call].map(({ mock }) => mock.calls)).toEqual([[], [], []]);
  });

  it('answers for who is silent with what it has leased, until it has nothing, and calls what is ready', async () => {
    silent = [4];
    leases = [
      { ownerSeq: 4, laneSeq: 1, leased: 2 },
      { ownerSeq: 4, laneSeq: 2, leased: 3 },
      { ownerSeq: 4, laneSeq: 3, leased: 9 }, // for no upstream
    ];
    await time.advance(A_WHILE_MS);
    expect(ownedLeases).toHaveBeenCalledWith([4]);
    expect(answerFor.mock.calls).toEqual([[4, KEY, 5]]);
    expect(call).toHaveBeenCalledWith([2]);
    silent = [];
    await time.advance(A_WHILE_MS);
    expect(answerFor.mock.calls.slice(1)).toEqual([[4, KEY, 0]]);
    await time.advance(A_WHILE_MS);
    expect(answerFor).toHaveBeenCalledTimes(2);
  });
});
