/**
 * The compiled server as a process of its own, on a folder of its own, for specs that talk to it over HTTP, kill it and
 * start it again.
 *
 *   const server = await TestServer.start();
 *   await server.openai.files.list();
 *   await server.kill();      // or stop(), to let it end by itself
 *   await server.restart();   // same folder, same URL
 *   await server.close();     // ends it and removes the folder
 */
import { join } from 'node:path';
import OpenAI from 'openai';
import { ChildProgram, type Exit } from './child-program.js';
import { newPlace } from './new-place.js';
import type { Place, ServerEnv } from './place.js';

export type { ServerEnv } from './place.js';

const ROOT = join(import.meta.dirname, '../..');
const ENTRY = join(ROOT, 'dist/main.js');
const LISTENING = /is listening on (http:\/\/\S+?)"/;
/** The server says when it is ready; this only bounds the look at it. */
const READY_POLL_MS = 20;

/** A line of the server's log. */
export interface LogLine {
  level: string;
  msg: string;
  [field: string]: unknown;
}

export class TestServer {
  private program: ChildProgram | null = null;
  private baseUrl = '';
  private key = '';

  private constructor(
    private env: ServerEnv,
    readonly place: Place,
  ) {}

  /** Resolves when the server is ready for work; rejects with what it printed when it ends before. */
  static async start(env: ServerEnv = {}): Promise<TestServer> {
    const server = TestServer.prepare(env, await newPlace());
    try {
      await server.restart();
      return server;
    } catch (error) {
      await server.close();
      throw error;
    }
  }

  /** Not started yet; for tests of the start itself. */
  static prepare(env: ServerEnv, place: Place): TestServer {
    return new TestServer(env, place);
  }

  /** Base URL without a path. It stays the same over restarts. */
  get url(): string {
    return this.baseUrl;
  }

  get adminKey(): string {
    return this.key;
  }

  /** Of an embedded server. */
  get dataDir(): string {
    return this.place.env['MILLRACE_DATA_DIR']!;
  }

  get pid(): number {
    return this.current.pid;
  }

  /** The official client with the admin key. It does not try again by itself, so that every error is seen. */
  get openai(): OpenAI {
    return this.openaiAs(this.key);
  }

  openaiAs(apiKey: string): OpenAI {
    return new OpenAI({ apiKey, baseURL: `${this.baseUrl}/v1`, maxRetries: 0 });
  }

  /** `fetch` of a path, with the admin key unless `init` brings headers of its own. */
  fetch(path: string, init: RequestInit = {}): Promise<Response> {
    return fetch(this.baseUrl + path, { headers: { authorization: `Bearer ${this.key}` }, ...init });
  }

  /** The log of the process that runs, or ran last. */
  get logs(): LogLine[] {
    return this.current.lines.map(toLogLine).filter((line) => line !== null);
  }

  /** The first line of the log that `matches`, as soon as it is there. */
  logged(matches: (line: LogLine) => boolean): Promise<LogLine> {
    return this.current.printed((text) => {
      const line = toLogLine(text);
      return line !== null && matches(line) ? line : null;
    });
  }

  /** Starts the process again on the same folder. `env` adds to the variables it had, for good. */
  async restart(env: ServerEnv = {}): Promise<void> {
    if (this.program?.isRunning) throw new Error('the server still runs');
    this.env = { ...this.env, ...env };
    this.program = this.launch();
    this.baseUrl = await this.program.printed((line) => LISTENING.exec(line)?.[1] ?? null);
    this.key = this.env['MILLRACE_ADMIN_KEY'] ?? (await this.place.adminKey());
    await this.ready();
  }

  /** A further process with the same settings, which is not waited for. It has to be ended by whoever asked for it. */
  launch(env: ServerEnv = {}): ChildProgram {
    const port = this.baseUrl === '' ? '0' : new URL(this.baseUrl).port;
    const own = {
      ...this.place.env,
      MILLRACE_PORT: port,
      MILLRACE_MIN_FREE_DISK: '1MiB',
      MILLRACE_SHUTDOWN_GRACE: '5s',
    };
    const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('MILLRACE_'));
    return new ChildProgram({
      args: [ENTRY],
      cwd: this.place.folder, // where no .env is
      env: { ...Object.fromEntries(inherited), ...own, ...this.env, ...env },
    });
  }

  send(signal: NodeJS.Signals): void {
    this.current.send(signal);
  }

  /** Ends the process without warning and waits until it is gone. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<Exit> {
    this.send(signal);
    return this.current.ended;
  }

  /** Asks the process to end and waits until it has. */
  stop(): Promise<Exit> {
    return this.kill('SIGTERM');
  }

  get isRunning(): boolean {
    return this.current.isRunning;
  }

  /** Resolves when the process ends by itself. */
  get ended(): Promise<Exit> {
    return this.current.ended;
  }

  /** Ends the process if it runs, and removes its folder. */
  async close(): Promise<void> {
    if (this.program?.isRunning) await this.kill();
    await this.place.remove();
  }

  private async ready(): Promise<void> {
    for (;;) {
      const response = await fetch(`${this.baseUrl}/readyz`);
      if (response.ok) return;
      await new Promise((resolve) => setTimeout(resolve, READY_POLL_MS));
    }
  }

  private get current(): ChildProgram {
    if (this.program === null) throw new Error('the server was not started yet');
    return this.program;
  }
}

function toLogLine(text: string): LogLine | null {
  return text.startsWith('{') ? (JSON.parse(text) as LogLine) : null;
}
