/** A worker that takes over HTTP and reports over Redis only, with nothing but XADD: as those do that know no other way. */
import assert from 'node:assert/strict';
import { Redis } from 'ioredis';
import { PullWorker, type HeldTask } from './pull-worker.js';
import type { TestServer } from './server.js';
import { until } from './until.js';

/** How long such workers keep what they have written, ms. */
const KEPT_MS = 600_000;

export class StreamWorker {
  private constructor(
    readonly http: PullWorker,
    readonly redis: Redis,
    readonly topic: string,
  ) {}

  /** Asks the server where to report, as it does when it starts: again and again until it is told. */
  static async start(server: TestServer, key?: string): Promise<StreamWorker> {
    const http = new PullWorker(server, key);
    const { body } = await until(
      () => http.ask('GET', 'eventbus'),
      ({ status }) => status === 200,
    );
    const { url, topic } = body;
    // The look at INFO before the first command is not for such a user.
    return new StreamWorker(http, new Redis(url, { enableReadyCheck: false, retryStrategy: null }), topic);
  }

  async takeOne(lane: string): Promise<HeldTask> {
    const [task] = await this.http.take(lane, { size: 1, wait_seconds: 30 });
    assert.ok(task, `there is no task in ${lane}`);
    return task;
  }

  progress({ task_id: taskId, instance_id }: HeldTask, event: object): Promise<void> {
    return this.add(instance_id, 'task-progress-event', JSON.stringify({ taskId, ...event }));
  }

  complete({ task_id: taskId, instance_id }: HeldTask, result: object): Promise<void> {
    return this.add(instance_id, 'task-completion-event', JSON.stringify({ taskId, result }));
  }

  /** Rejects when Redis refuses it. */
  async add(instanceId: string, name: string, payload: string): Promise<void> {
    const stream = this.topic + instanceId;
    const fields = { name, from: '', payload, context: '', timestamp: String(Date.now()) };
    await this.redis.xadd(stream, 'MINID', '~', Date.now() - KEPT_MS, '*', ...Object.entries(fields).flat());
  }

  close(): void {
    this.redis.disconnect();
  }
}
