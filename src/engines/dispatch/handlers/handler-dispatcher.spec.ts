import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { until } from '../../../../test/support/until.js';
import type { HandlerRegistry, RegisteredHandler } from '../../../modules/handlers/handler-registry.js';
import type { Lane, QueuesService } from '../../../modules/queues/queues.service.js';
import type { TypedLeaseRequest, TypedTask } from '../../../store/procedures/task-shapes.js';
import type { TaskStore } from '../../../store/task.store.js';
import type { DispatchPorts } from '../dispatch-ports.js';
import type { DispatchTelemetry } from '../dispatch-telemetry.js';
import type { LeaseDoubts } from '../lease-doubts.js';
import { HandlerDispatcher } from './handler-dispatcher.js';
import type { HandlerRunner } from './handler-runner.js';

const TYPES = ['draw', 'speak'];

function laneOf(seq: number): Lane {
  const queue = { seq, name: `q${seq}`, consumers: new Set(['handler']), isPaused: false, perMinute: null };
  return { seq, level: 0, queue, upstream: null } as unknown as Lane;
}

/** Lanes whose ready tasks are given by hand, two types with two places each, and tasks that end when they are told to. */
class Stage {
  looks = 0;
  readonly ready = new Map<number, TypedTask[]>([1, 2].map((seq) => [seq, []]));
  readonly running: { laneSeq: number; type: string; end: () => void }[] = [];
  readonly dispatcher: HandlerDispatcher;

  constructor() {
    const handlers = new Map(TYPES.map((type) => [type, { type, concurrency: 2 } as RegisteredHandler]));
    const runner = {
      start: (lane: Lane, { type }: RegisteredHandler, _task: TypedTask, end: () => void) =>
        this.running.push({ laneSeq: lane.seq, type, end }),
    };
    this.dispatcher = new HandlerDispatcher(
      { limiter: {}, instance: { seq: 9 } } as unknown as DispatchPorts,
      { handlers } as unknown as HandlerRegistry,
      { laneBySeq: (seq: number) => laneOf(seq) } as unknown as QueuesService,
      { leaseTyped: (request: TypedLeaseRequest) => this.lease(request) } as unknown as TaskStore,
      runner as unknown as HandlerRunner,
      { failed: (error: unknown) => expect.unreachable(String(error)) } as unknown as DispatchTelemetry,
      { note: () => expect.unreachable('no lease fails here') } as unknown as LeaseDoubts,
    );
  }

  put(laneSeq: number, type: string, count = 1): void {
    for (let n = 0; n < count; n += 1) this.ready.get(laneSeq)!.push({ type } as TypedTask);
  }

  /** How many run a while after there were so many. */
  async comesToRun(count: number): Promise<number> {
    await until(
      () => this.running.length,
      (running) => running >= count,
    );
    await delay(20);
    return this.running.length;
  }

  private async lease({ laneSeq, shares }: TypedLeaseRequest): Promise<TypedTask[]> {
    this.looks += 1;
    await delay(1);
    const waiting = this.ready.get(laneSeq)!;
    return shares.flatMap(({ type, want }) => {
      const given = waiting.filter((task) => task.type === type).slice(0, want);
      for (const task of given) waiting.splice(waiting.indexOf(task), 1);
      return given;
    });
  }
}

describe('dispatch to handlers', () => {
  it('comes to rest over empty lanes, however many are called at once', async () => {
    const stage = new Stage();
    await Promise.all([1, 2, 1, 2, 1, 2].map((seq) => stage.dispatcher.workLane(seq)));
    await delay(200);
    const { looks } = stage;
    expect(looks).toBeLessThan(12);
    await delay(50);
    expect(stage.looks).toBe(looks);
  });

  it('starts what comes while it looks, of every lane that was called', async () => {
    const stage = new Stage();
    const looking = stage.dispatcher.workLane(1);
    stage.put(1, 'draw');
    stage.put(2, 'draw');
    await Promise.all([looking, stage.dispatcher.workLane(1), stage.dispatcher.workLane(2)]);
    expect(await stage.comesToRun(2)).toBe(2);
    expect(stage.running.map(({ laneSeq }) => laneSeq).sort((a, b) => a - b)).toEqual([1, 2]);
  });

  it('keeps to the places of a type, and uses one as soon as it is free', async () => {
    const stage = new Stage();
    stage.put(1, 'speak', 3);
    stage.put(2, 'speak', 2);
    await Promise.all([stage.dispatcher.workLane(1), stage.dispatcher.workLane(2)]);
    expect(await stage.comesToRun(2)).toBe(2);
    for (let ended = 0; ended < 5; ended += 1) {
      stage.running[ended]!.end();
      const expected = Math.min(5, ended + 3);
      expect(await stage.comesToRun(expected)).toBe(expected);
    }
  });
});
