/** A pull worker, and who gives it work, as specs write them: plain HTTP with nothing hidden. */
import assert from 'node:assert/strict';
import { ConsoleClient, type Json } from './console.js';
import type { TestServer } from './server.js';

export interface TaskAnswer {
  status: number;
  /** Parsed JSON; undefined where there is no body. */
  body: Json;
  headers: Headers;
}

export interface HeldTask {
  task_id: string;
  lease_token: string;
  lease_until: number;
  [field: string]: Json;
}

export class PullWorker {
  constructor(
    readonly server: TestServer,
    readonly key = server.adminKey,
  ) {}

  /** With a new key of this tenant, which is made if it is not there. */
  static async of(server: TestServer, tenant: string, scopes: readonly string[]): Promise<PullWorker> {
    const { token } = await new ConsoleClient(server).post('keys', { name: 'test', tenant, scopes });
    return new PullWorker(server, token);
  }

  /** `path` is relative to `/v1/queue/`. */
  async ask(
    method: string,
    path: string,
    body?: unknown,
    { signal, headers = {} }: { signal?: AbortSignal; headers?: Record<string, string> } = {},
  ): Promise<TaskAnswer> {
    const isText = typeof body === 'string';
    const response = await this.server.fetch(`/v1/queue/${path}`, {
      method,
      headers: { authorization: `Bearer ${this.key}`, 'content-type': 'application/json', ...headers },
      ...(body === undefined ? {} : { body: isText ? body : JSON.stringify(body) }),
      ...(signal ? { signal } : {}),
    });
    const text = await response.text();
    return { status: response.status, body: text === '' ? undefined : JSON.parse(text), headers: response.headers };
  }

  async post(path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Json> {
    const answer = await this.ask('POST', path, body, { headers });
    assert.equal(answer.status, 200, JSON.stringify(answer.body));
    return answer.body;
  }

  async get(path: string): Promise<Json> {
    const answer = await this.ask('GET', path);
    assert.equal(answer.status, 200, JSON.stringify(answer.body));
    return answer.body;
  }

  /** Makes a queue that workers pull from. */
  async makeQueue(name: string, settings: object = {}): Promise<string> {
    await new ConsoleClient(this.server).post('queues', { name, consumers: ['pull'], ...settings });
    return name;
  }

  /** Puts a task in callback mode; returns its id. */
  async put(queue: string, over: object = {}): Promise<string> {
    const body = { endpoint: '/v1/x', queue, data: { n: 1 }, level: 0, ...over };
    return (await this.post('put', body)).data;
  }

  /** Puts tasks one after the other. */
  async putMany(queue: string, count: number, over: object = {}): Promise<string[]> {
    const ids: string[] = [];
    for (let n = 0; n < count; n += 1) ids.push(await this.put(queue, { data: { n }, ...over }));
    return ids;
  }

  /** All tasks of a take, lane by lane. */
  async take(queues: string | string[], over: object = {}, signal?: AbortSignal): Promise<HeldTask[]> {
    const body = { queues: typeof queues === 'string' ? [queues] : queues, size: 10, ...over };
    const answer = await this.ask('POST', 'take', body, signal ? { signal } : {});
    assert.equal(answer.status, 200, JSON.stringify(answer.body));
    return Object.values(answer.body as Record<string, HeldTask[]>).flat();
  }

  /** Takes the one task that there is. */
  async takeOne(queue: string, over: object = {}): Promise<HeldTask> {
    const [task, ...others] = await this.take(queue, over);
    assert.ok(task, 'there is no task');
    assert.deepEqual(others, []);
    return task;
  }

  task(id: string): Promise<Json> {
    return this.get(id);
  }

  async cancelled(id: string): Promise<void> {
    const { status, body } = await this.ask('POST', `${id}/cancel`);
    assert.deepEqual([status, body], [202, id]);
  }

  complete(task: HeldTask, body: unknown = { a: 1 }): Promise<TaskAnswer> {
    const headers = { 'x-millrace-lease-token': task.lease_token };
    return this.ask('POST', `${task.task_id}/complete`, { status_code: 200, body }, { headers });
  }

  /** The refusal: status and message. The envelope holds nothing else. */
  async refused(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<[number, string]> {
    const { status, body: answer } = await this.ask(method, path, body, { headers });
    assert.deepEqual(Object.keys(answer), ['code', 'message', 'timestamp'], JSON.stringify(answer));
    assert.equal(answer.code, status);
    return [status, answer.message];
  }
}

export const idsOf = (tasks: readonly HeldTask[]): string[] => tasks.map(({ task_id: id }) => id);
