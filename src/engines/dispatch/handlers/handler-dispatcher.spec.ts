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
/** The lane whose queue has a rate. */
const RATED = 3;

function laneOf(seq: number): Lane {
  const perMinute = seq === RATED ? 5 : null;
  const queue = { seq, name: `q${seq}`, consumers: new Set(['handler']), isPaused: false, perMinute };
  return { seq, level: 0, queue, upstream: null } as unknown as Lane;
}

/** Lanes whose ready tasks are given by hand, two types with two places each, and tasks that end when they are told to. */
class Stage {
  looks = 0;
  /** What the rate has left. */
  allowed = 0;
  readonly ready = new Map<number, TypedTask[]>([1, 2, RATED].map((seq) => [seq, []]));
  readonly running: { laneSeq: number; type: string; end: () => void }[] = [];
  readonly dispatcher: HandlerDispatcher;

  constructor() {
    const handlers = new Map(TYPES.map((type) => [type, { type, concurrency: 2 } as RegisteredHandler]));
    const runner = {
      start: (lane: Lane, { type }: RegisteredHandler, _task: TypedTask, end: () => void) =>
        this.running.push({ laneSeq: lane.seq, type, end }),
    };
    const limiter = {
      acquire: (_key: string, _level: number, want: number) => {
        const granted = Math.min(want, this.allowed);
        this.allowed -= granted;
        return Promise.resolve(granted);
      },
      release: (_key: string, _count: number, unused: number) => void (this.allowed += unused),
    };
    this.dispatcher = new HandlerDispatcher(
      { limiter, instance: { seq: 9 } } as unknown as DispatchPorts,
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

  private async lease({ laneSeq, shares, limit }: TypedLeaseRequest): Promise<TypedTask[]> {
    this.looks += 1;
    await delay(1);
    const waiting = this.ready.get(laneSeq)!;
    const given = shares
      .flatMap(({ type, want }) => waiting.filter((task) => task.type === type).slice(0, want))
      .sort((a, b) => waiting.indexOf(a) - waiting.indexOf(b))
      .slice(0, limit);
    for (const task of given) waiting.splice(waiting.indexOf(task), 1);
    return given;
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

  it('spends what a rate has left on the work there is, of whatever type', async () => {
    const stage = new Stage();
    stage.allowed = 2;
    stage.put(RATED, 'speak');
    await stage.dispatcher.workLane(RATED);
    await stage.comesToRun(1);
    expect([stage.running[0]!.type, stage.allowed]).toEqual(['speak', 1]);
  });

  it('begins no more than a rate has left, the first of the lane before others', async () => {
    const stage = new Stage();
    stage.allowed = 3;
    for (const type of ['speak', 'draw', 'speak', 'draw']) stage.put(RATED, type);
    await stage.dispatcher.workLane(RATED);
    await stage.comesToRun(3);
    expect([stage.running.map(({ type }) => type), stage.allowed]).toEqual([['speak', 'draw', 'speak'], 0]);
  });

  it('gives what a rate let begin back when a lane is empty', async () => {
    const stage = new Stage();
    stage.allowed = 4;
    await stage.dispatcher.workLane(RATED);
    expect([stage.looks, stage.allowed]).toEqual([1, 4]);
  });
});
