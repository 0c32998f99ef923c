import { EMPTY } from 'rxjs';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { FakeClock } from '../../../test/support/fake-clock.js';
import { MemoryLimiter } from '../../adapters/embedded/memory-limiter.js';
import type { Queue } from '../../modules/queues/queue.js';
import type { Lane, QueuesService } from '../../modules/queues/queues.service.js';
import { EarlyStarts } from '../../modules/tasks/early-starts.js';
import { permitKeyOf, type Upstream } from '../../modules/upstreams/upstream.js';
import type { NewTask, PutTask } from '../../store/procedures/single-shapes.js';
import type { LeasedTask } from '../../store/procedures/task-shapes.js';
import type { TaskStore } from '../../store/task.store.js';
import type { DispatchPorts } from './dispatch-ports.js';
import type { DispatchTelemetry } from './dispatch-telemetry.js';
import { DispatcherEngine } from './dispatcher.engine.js';
import type { LeaseDoubts } from './lease-doubts.js';
import type { TaskRunner } from './task-runner.js';

const OWNER_SEQ = 7;
const CONCURRENCY = 2;
const UPSTREAM = { seq: 1, name: 'u', fingerprint: 'f', concurrency: CONCURRENCY, perMinute: null } as Upstream;
const KEY = permitKeyOf(UPSTREAM);
const TASK = { id: 'task_1', mode: 'blocking', body: '{}', blobKey: null, ttlMs: 1000 } as NewTask;

function laneOf(level: number, queue: Partial<Queue> = {}, upstream: Upstream | null = UPSTREAM): Lane {
  const consumers = new Set(['upstream']);
  return {
    seq: level + 1,
    level,
    queue: { seq: 1, consumers, perMinute: null, maxConcurrency: null, ...queue } as Queue,
    upstream,
  };
}

const leasedOf = (id: string): LeasedTask => ({
  seq: 9,
  id,
  epoch: 1,
  batchSeq: null,
  bodyOffset: null,
  bodyLength: null,
  tries: 0,
});
const putOf = (leased: LeasedTask | null): PutTask => ({
  kind: 'put',
  id: TASK.id,
  enqueuedAt: 5,
  isReady: false,
  leased,
});

describe('a permit for a task that is about to be stored', () => {
  let limiter: MemoryLimiter;
  let lanes: Map<number, Lane>;
  let starts: EarlyStarts;
  let engine: DispatcherEngine;
  let clock: FakeClock;
  const runner = {
    beginEarly: vi.fn((): string | null => 'call'),
    giveUp: vi.fn(),
    start: vi.fn(),
    release: vi.fn(),
    known: vi.fn(() => 'known'),
    load: vi.fn((slice: readonly LeasedTask[]) => slice.map(() => 'loaded')),
  };
  const doubt = vi.fn();
  const lease = vi.fn((..._: unknown[]) => Promise.resolve([] as LeasedTask[]));

  beforeEach(() => {
    vi.clearAllMocks();
    clock = new FakeClock();
    limiter = new MemoryLimiter({ clock, onError: vi.fn() });
    lanes = new Map();
    starts = new EarlyStarts();
    engine = new DispatcherEngine(
      {
        limiter,
        clock,
        events: { on: () => EMPTY },
        health: { tell: vi.fn() },
        instance: { seq: OWNER_SEQ },
      } as unknown as DispatchPorts,
      { laneBySeq: (seq: number) => lanes.get(seq) } as unknown as QueuesService,
      { lease } as unknown as TaskStore,
      runner as unknown as TaskRunner,
      {} as DispatchTelemetry,
      starts,
      { note: doubt } as unknown as LeaseDoubts,
    );
    engine.start();
    return () => engine.stop();
  });

  function reserve(lane: Lane) {
    lanes.set(lane.seq, lane);
    return starts.reserve(lane, TASK);
  }

  it('comes with a lease for this process', async () => {
    expect(await reserve(laneOf(0))).toMatchObject({ lease: { ownerSeq: OWNER_SEQ, isUntyped: false } });
    expect(await limiter.inUse(KEY)).toBe(1);
  });

  it('leaves tasks with a type to the functions of its queue', async () => {
    const start = await reserve(laneOf(0, { consumers: new Set(['upstream', 'handler']) }));
    expect(start!.lease.isUntyped).toBe(true);
  });

  it('is used on the task itself, which is not read again', async () => {
    const lane = laneOf(0);
    const start = await reserve(lane);
    start!.settle(putOf(leasedOf(TASK.id)));
    expect(runner.known).toHaveBeenCalledWith(
      leasedOf(TASK.id),
      expect.objectContaining({ id: TASK.id, expiresAt: 1005 }),
      '{}',
      'call',
    );
    expect(runner.start).toHaveBeenCalledWith(lane, UPSTREAM, expect.anything(), ['known']);
    expect(await limiter.inUse(KEY)).toBe(1);
  });

  it('is given up for what was ahead of it, which is started with one of its own', async () => {
    const start = await reserve(laneOf(0));
    start!.settle(putOf(leasedOf('task_0')));
    expect(runner.giveUp).toHaveBeenCalledWith('call', UPSTREAM);
    expect(runner.load).toHaveBeenCalledWith([leasedOf('task_0')]);
    await vi.waitFor(() =>
      expect(runner.start).toHaveBeenCalledWith(expect.anything(), UPSTREAM, expect.anything(), ['loaded']),
    );
    await vi.waitFor(async () => expect(await limiter.inUse(KEY)).toBe(1));
  });

  it('is given back when the queue was paused, or the server stopped, before it came', async () => {
    const lane = laneOf(0);
    const asked = reserve(lane);
    lane.queue.isPaused = true;
    expect(await asked).toBeNull();
    lane.queue.isPaused = false;
    const askedAgain = reserve(lane);
    engine.stop();
    expect(await askedAgain).toBeNull();
    expect(await limiter.inUse(KEY)).toBe(0);
    expect(runner.beginEarly).not.toHaveBeenCalled();
  });

  it.each([
    ['was given nothing', putOf(null)],
    ['had been stored before', { kind: 'replay', id: 'task_0' } as const],
    ['could not be stored', undefined],
  ])('goes back when the task %s', async (_, outcome) => {
    const start = await reserve(laneOf(0));
    start!.settle(outcome);
    expect(await limiter.inUse(KEY)).toBe(0);
    expect(runner.giveUp).toHaveBeenCalledWith('call', UPSTREAM);
    expect(runner.start).not.toHaveBeenCalled();
    expect(doubt).toHaveBeenCalledTimes(outcome === undefined ? 1 : 0);
  });

  it('goes back with the task when the server stops meanwhile', async () => {
    const start = await reserve(laneOf(0));
    engine.stop();
    start!.settle(putOf(leasedOf(TASK.id)));
    expect(await limiter.inUse(KEY)).toBe(0);
    expect(runner.giveUp).toHaveBeenCalledWith('call', UPSTREAM);
    expect(runner.release).toHaveBeenCalledWith(expect.anything(), [leasedOf(TASK.id)]);
  });

  it('comes with a call that has begun, of this task', async () => {
    const lane = laneOf(0);
    await reserve(lane);
    expect(runner.beginEarly).toHaveBeenCalledWith(lane, UPSTREAM, expect.anything(), TASK);
  });

  it('comes without one where the call has to wait', async () => {
    runner.beginEarly.mockReturnValueOnce(null);
    (await reserve(laneOf(0)))!.settle(putOf(null));
    expect(runner.giveUp).not.toHaveBeenCalled();
  });

  it('comes without one while something waits in the lane, or has just been put there', async () => {
    const lane = laneOf(0);
    await reserve(lane);
    starts.passBy(lane.seq);
    clock.advance(99);
    expect(await reserve(lane)).not.toBeNull();
    expect(runner.beginEarly).toHaveBeenCalledOnce();
    clock.advance(1);
    limiter.release(KEY, 1);
    await reserve(lane);
    expect(runner.beginEarly).toHaveBeenCalledTimes(2);
  });

  it('comes without one after a call for the lane, and after a task that found no permit', async () => {
    const lane = laneOf(0);
    lanes.set(lane.seq, lane);
    await engine.called(lane.seq);
    await reserve(lane);
    expect(runner.beginEarly).not.toHaveBeenCalled();
    clock.advance(100);
    await limiter.acquire(KEY, 0, CONCURRENCY, UPSTREAM);
    expect(await reserve(lane)).toBeNull();
    limiter.release(KEY, CONCURRENCY);
    await reserve(lane);
    expect(runner.beginEarly).not.toHaveBeenCalled();
  });

  it('comes without one for a second after one was for nothing', async () => {
    (await reserve(laneOf(0)))!.settle(undefined);
    clock.advance(999);
    (await reserve(laneOf(0)))!.settle(putOf(leasedOf(TASK.id)));
    expect(runner.beginEarly).toHaveBeenCalledOnce();
    clock.advance(1);
    await reserve(laneOf(0));
    expect(runner.beginEarly).toHaveBeenCalledTimes(2);
  });

  it.each<[string, Lane]>([
    ['of a queue without an upstream', laneOf(0, {}, null)],
    ['of a paused queue', laneOf(0, { isPaused: true })],
    ['of a queue with a rate', laneOf(0, { perMinute: 10 })],
    ['of a queue with a limit', laneOf(0, { maxConcurrency: 1 })],
  ])('is not given for a lane %s', async (_, lane) => {
    expect(await reserve(lane)).toBeNull();
    expect(await limiter.inUse(KEY)).toBe(0);
  });

  it('is not given when all are out', async () => {
    await limiter.acquire(KEY, 0, CONCURRENCY, UPSTREAM);
    expect(await reserve(laneOf(0))).toBeNull();
  });

  it('is not given while tasks of its level or a lower one wait for one, but ahead of those of higher ones', async () => {
    await limiter.acquire(KEY, 0, CONCURRENCY, UPSTREAM);
    lanes.set(2, laneOf(1));
    await engine.called(2); // finds no permit
    const acquire = vi.spyOn(limiter, 'acquire');
    expect(await reserve(laneOf(1))).toBeNull();
    expect(await reserve(laneOf(2))).toBeNull();
    expect(acquire).not.toHaveBeenCalled();
    await reserve(laneOf(0));
    expect(acquire).toHaveBeenCalledOnce();
  });

  it('is given by nobody where no upstreams are called', async () => {
    expect(await new EarlyStarts().reserve(laneOf(0), TASK)).toBeNull();
  });
});
