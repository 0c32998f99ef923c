/** The operators' API as specs call it. */
import assert from 'node:assert/strict';
import type { TestServer } from './server.js';

/** Parsed JSON, of any shape. */
export type Json = ReturnType<typeof JSON.parse>;

export interface ConsoleAnswer {
  status: number;
  body: Json;
}

export class ConsoleClient {
  /** Every answer as it came, for those who look for what must not be in any. */
  readonly answers: string[] = [];

  constructor(
    private readonly server: TestServer,
    private readonly key = server.adminKey,
  ) {}

  /** `path` is relative to `/v1/console/`. */
  async ask(method: string, path: string, body?: unknown): Promise<ConsoleAnswer> {
    const headers = { authorization: `Bearer ${this.key}`, 'content-type': 'application/json' };
    const init = { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) };
    const response = await this.server.fetch(`/v1/console/${path}`, init);
    const text = await response.text();
    this.answers.push(text);
    assert.equal(response.headers.get('content-type'), 'application/json');
    return { status: response.status, body: JSON.parse(text) };
  }

  get(path: string): Promise<Json> {
    return this.allowed('GET', path);
  }

  post(path: string, body?: unknown): Promise<Json> {
    return this.allowed('POST', path, body);
  }

  patch(path: string, body: unknown): Promise<Json> {
    return this.allowed('PATCH', path, body);
  }

  delete(path: string): Promise<Json> {
    return this.allowed('DELETE', path);
  }

  /** The refusal: status, code, parameter and message, in one row. */
  async refused(method: string, path: string, body?: unknown): Promise<[number, string | null, string | null, string]> {
    const { status, body: answer } = await this.ask(method, path, body);
    assert.deepEqual(Object.keys(answer), ['error'], JSON.stringify(answer));
    assert.deepEqual(Object.keys(answer.error), ['message', 'type', 'param', 'code']);
    assert.equal(answer.error.type, 'invalid_request_error');
    return [status, answer.error.code, answer.error.param, answer.error.message];
  }

  /** Every lane by `queue:level`. */
  async lanes(): Promise<Record<string, Json>> {
    const lanes: Json[] = (await this.get('stats')).lanes;
    return Object.fromEntries(lanes.map((lane) => [`${lane.queue}:${lane.level}`, lane]));
  }

  private async allowed(method: string, path: string, body?: unknown): Promise<Json> {
    const answer = await this.ask(method, path, body);
    assert.equal(answer.status, 200, JSON.stringify(answer.body));
    return answer.body;
  }
}
