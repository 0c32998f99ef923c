import { describe, expect, it } from 'vitest';
import type { Broker } from '../../ports/broker.js';
import type { EventBus } from '../../ports/event-bus.js';
import type { QueueStore, StoredLane, StoredQueue } from '../../store/queue.store.js';
import { createLogger } from '../../telemetry/logger.js';
import type { UpstreamsService } from '../upstreams/upstreams.service.js';
import { QueuesService } from './queues.service.js';

/** A store whose reads end when the test says so, with what was there when they began. */
class SlowStore {
  rows: StoredQueue[] = [];
  laneRows: StoredLane[] = [];
  private readonly reads: Array<() => void> = [];

  queues(): Promise<StoredQueue[]> {
    const seen = [...this.rows];
    return new Promise((resolve) => this.reads.push(() => resolve(seen)));
  }

  lanes(): Promise<StoredLane[]> {
    return Promise.resolve([...this.laneRows]);
  }

  ensureLane(queueSeq: number, level: number): Promise<number> {
    const seq = this.laneRows.length + 1;
    this.laneRows.push({ seq, queueSeq, level } as StoredLane);
    return Promise.resolve(seq);
  }

  /** Ends the nth read. */
  answer(n: number): void {
    this.reads[n]!();
  }
}

function queueRow(name: string, seq: number): StoredQueue {
  return { seq, name, tenantSeq: 1, models: '[]', consumers: '[]', pausedAt: null, retryPolicy: null } as StoredQueue;
}

function setUp() {
  const store = new SlowStore();
  const upstreams = { all: () => Promise.resolve([]) } as unknown as UpstreamsService;
  const queues = new QueuesService(
    store as unknown as QueueStore,
    upstreams,
    {} as Broker,
    {} as EventBus,
    createLogger({ level: 'silent', format: 'json' }),
  );
  return { store, queues, names: () => queues.all().map(({ name }) => name) };
}

describe('what is known of the queues', () => {
  it('is never older than what was known before', async () => {
    const { store, queues, names } = setUp();
    store.rows = [queueRow('old', 1)];
    const early = queues.refresh();
    store.rows = [queueRow('new', 1)];
    const late = queues.refresh();
    store.answer(1);
    await late;
    store.answer(0);
    await early;
    expect(names()).toEqual(['new']);
  });

  it('loses a queue at once, also when a reading is under way', async () => {
    const { store, queues, names } = setUp();
    store.rows = [queueRow('kept', 1), queueRow('gone', 2)];
    const first = queues.refresh();
    store.answer(0);
    await first;
    const underWay = queues.refresh();
    queues.forget(2);
    expect(names()).toEqual(['kept']);
    store.answer(1);
    await underWay;
    expect(names()).toEqual(['kept']);
    const next = queues.refresh(); // it was not deleted after all
    store.answer(2);
    await next;
    expect(names()).toEqual(['kept', 'gone']);
  });

  it('has a new lane, whatever reading is under way', async () => {
    const { store, queues } = setUp();
    store.rows = [queueRow('q', 1)];
    const first = queues.refresh();
    store.answer(0);
    await first;
    const underWay = queues.refresh();
    const lane = queues.lane(queues.all()[0]!, 3);
    await Promise.resolve(); // the lane is made; now everything is read again
    store.answer(2);
    const { seq } = await lane;
    store.answer(1);
    await underWay;
    expect(queues.laneBySeq(seq)).toMatchObject({ level: 3, queue: { name: 'q' } });
  });
});
