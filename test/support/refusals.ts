/** What a refusal must look like, in one place for all dialects. */
import { expect } from 'vitest';

export interface Refusal {
  message: string;
  type: string;
  param: string | null;
  code: string | null;
}

/** Where a 401 has an empty body, as the clients of those routes know it. */
const EMPTY_401: readonly string[] = ['/v1/queue', '/v1/console'];
/** Where an error is an envelope with the status in it. */
const TASK_PATH = /^\/v1\/(queue([/?]|$)|console\/(queue\/([^/]+\/)?stats|[^/]+\/clear)$)/;
/** What nobody outside has any use for: stacks, SQL, paths of this machine. */
const INSIDES =
  /\n\s+at |node_modules|\/src\/|\/dist\/|\.[jt]s:\d|SQLITE|SELECT |INSERT INTO|FOREIGN KEY|TypeError|RangeError/;

export class Answered {
  private constructor(
    readonly path: string,
    readonly status: number,
    readonly headers: Headers,
    readonly text: string,
  ) {}

  static async by(path: string, response: Response): Promise<Answered> {
    return new Answered(path, response.status, response.headers, await response.text());
  }

  /** The error, if this is a refusal as it should be; fails the test if it is none, or ill-formed. */
  refusal(what = this.path): Refusal | null {
    expect([what, this.status, this.text]).toEqual([what, expect.toSatisfy(isRefusal), expect.any(String)]);
    expect(this.headers.get('x-request-id'), what).toBeTruthy();
    expect(this.text, what).not.toMatch(INSIDES);
    if (this.status === 401 && EMPTY_401.some((prefix) => this.path.startsWith(prefix))) {
      expect(this.text, what).toBe('');
      return null;
    }
    expect(this.headers.get('content-type'), what).toBe('application/json');
    if (TASK_PATH.test(this.path)) return this.envelope(what);
    const body = JSON.parse(this.text) as { error: Refusal };
    expect(Object.keys(body), what).toEqual(['error']);
    expect(Object.keys(body.error), what).toEqual(['message', 'type', 'param', 'code']);
    expect(body.error.message, what).toBeTruthy();
    return body.error;
  }

  private envelope(what: string): Refusal {
    const body = JSON.parse(this.text) as { code: number; message: string; timestamp: number };
    expect(Object.keys(body), what).toEqual(['code', 'message', 'timestamp']);
    expect([body.code, body.message, body.timestamp], what).toEqual([
      this.status,
      expect.stringMatching(/./),
      expect.any(Number),
    ]);
    return { message: body.message, type: '', param: null, code: null };
  }
}

function isRefusal(status: number): boolean {
  return status >= 400 && status < 500;
}
