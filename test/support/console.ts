/** The operators' API as specs call it. */
import { expect } from 'vitest';
import type { TestServer } from './server.js';

export interface ConsoleAnswer {
  status: number;
  /** Parsed. */
  body: any; // oxlint-disable-line typescript/no-explicit-any
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
    expect(response.headers.get('content-type')).toBe('application/json');
    return { status: response.status, body: JSON.parse(text) };
  }

  get(path: string): Promise<ConsoleAnswer['body']> {
    return this.allowed('GET', path);
  }

  post(path: string, body?: unknown): Promise<ConsoleAnswer['body']> {
    return this.allowed('POST', path, body);
  }

  patch(path: string, body: unknown): Promise<ConsoleAnswer['body']> {
    return this.allowed('PATCH', path, body);
  }

  delete(path: string): Promise<ConsoleAnswer['body']> {
    return this.allowed('DELETE', path);
  }

  /** The refusal: status, code, parameter and message, in one row. */
  async refused(method: string, path: string, body?: unknown): Promise<[number, string | null, string | null, string]> {
    const answer = await this.ask(method, path, body);
    expect(Object.keys(answer.body), JSON.stringify(answer.body)).toEqual(['error']);
    const { message, type, param, code } = answer.body.error;
    expect(type).toBe(answer.status === 429 ? 'insufficient_quota' : 'invalid_request_error');
    return [answer.status, code, param, message];
  }

  /** Every lane by `queue:level`. */
  async lanes(): Promise<Record<string, ConsoleAnswer['body']>> {
    const { lanes } = await this.get('stats');
    return Object.fromEntries(lanes.map((lane: any) => [`${lane.queue}:${lane.level}`, lane])); // oxlint-disable-line typescript/no-explicit-any
  }

  private async allowed(method: string, path: string, body?: unknown): Promise<ConsoleAnswer['body']> {
    const answer = await this.ask(method, path, body);
    expect(answer.status, JSON.stringify(answer.body)).toBeLessThan(300);
    return answer.body;
  }
}
