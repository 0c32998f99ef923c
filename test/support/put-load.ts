/** Clients that put tasks one after the other through faults, and remember what they were promised. */
import { ConsoleClient } from './console.js';
import { PullWorker } from './pull-worker.js';
import type { TestServer } from './server.js';

const CLIENTS = 4;
const PAUSE_MS = 50;
const PAGE = 500;
/**
 * Whoever is not answered by then never will be: a silent database is given up after 10 s, and the fate of a commit that was
 * begun before is asked for 30 s more.
 */
const PATIENCE_MS = 60_000;
const QUEUE = 'load';

export class PutLoad {
  /** How often each answer came; a refusal that says when to come again is one that a client can live with. */
  readonly answers: Record<string, number> = {};
  private readonly ids: string[] = [];
  private readonly wrong: string[] = [];
  private readonly api: PullWorker;
  private isRunning = false;
  private working: Promise<unknown> = Promise.resolve();

  constructor(server: TestServer) {
    this.api = new PullWorker(server);
  }

  /** Makes the queue `load`, which nobody works off; once. */
  static async prepare(server: TestServer): Promise<void> {
    await new ConsoleClient(server).post('queues', { name: QUEUE, consumers: ['pull'] });
  }

  start(): void {
    this.isRunning = true;
    this.working = Promise.all(Array.from({ length: CLIENTS }, () => this.work()));
  }

  async stop(): Promise<void> {
    this.isRunning = false;
    await this.working;
  }

  /** What is wrong, in words: answers that no client should get, and tasks that were promised and are not there. */
  async problems(): Promise<string[]> {
    const lost: string[] = [];
    for (let from = 0; from < this.ids.length; from += PAGE) {
      const page = this.ids.slice(from, from + PAGE);
      const { tasks } = (await this.api.post('get', { task_ids: page })) as { tasks: unknown[] };
      lost.push(...page.filter((_, place) => !tasks[place]));
    }
    return [...this.wrong, ...lost.map((id) => `${id} was promised and is lost`)];
  }

  private async work(): Promise<void> {
    while (this.isRunning) {
      await this.put();
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }

  private async put(): Promise<void> {
    const body = { endpoint: '/v1/x', queue: QUEUE, data: { n: 1 } };
    const answer = await this.api
      .ask('POST', 'put', body, { signal: AbortSignal.timeout(PATIENCE_MS) })
      .catch((error: Error) => error);
    if (answer instanceof Error) {
      this.wrong.push(`no answer to a put: ${answer.message}`);
      return;
    }
    const { status, headers } = answer;
    const name = headers.get('retry-after') === null ? `${status}` : `${status} with Retry-After`;
    this.answers[name] = (this.answers[name] ?? 0) + 1;
    if (status === 200) this.ids.push(answer.body.data as string);
    else if (name !== '503 with Retry-After') this.wrong.push(`a put was answered ${name}`);
  }
}
