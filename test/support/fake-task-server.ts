/** The worker's side of the Task API, small enough to be looked through, for specs of workers. */
import { Inbox } from './inbox.js';
import { ScriptedUpstream, type ScriptedAnswer, type UpstreamRequest } from './scripted-upstream.js';

/** Parsed JSON, of any shape. */
type Json = ReturnType<typeof JSON.parse>;

export interface Heard {
  /** Without `/v1/queue/`. */
  path: string;
  body: Json;
}

const TASK = {
  state: 'leased',
  tries: 0,
  response_mode: 'callback',
  start_time: 1,
  running_time: 0,
  expire_time: 0,
  completed_time: 0,
  lease_until: 2,
};

/** Null: as this server answers by itself. */
type Intercept = (heard: Heard) => ScriptedAnswer | null | Promise<ScriptedAnswer | null>;

export class FakeTaskServer {
  /** All that was asked, as soon as it came in; takes by themselves. */
  readonly takes = new Inbox<Heard>();
  readonly reports = new Inbox<Heard>();
  readonly heartbeats = new Inbox<Heard>();
  /** `gone` in answers to heartbeats. */
  readonly gone = new Set<string>();
  /** Answers in place of this server. */
  intercept: Intercept = () => null;
  private ready: { id: string; lane: string; data: unknown }[] = [];
  private epoch = 0;
  private wake: () => void = () => {};

  private constructor(private readonly http: ScriptedUpstream) {
    http.answerWith((request) => this.answer(request));
  }

  static async start(): Promise<FakeTaskServer> {
    return new FakeTaskServer(await ScriptedUpstream.start());
  }

  get url(): string {
    return this.http.url.replace(/\/v1$/, '');
  }

  /** Requests that were given up before they were answered. */
  get abandoned(): Inbox<UpstreamRequest> {
    return this.http.abandoned;
  }

  put(...tasks: { id: string; lane?: string; data?: unknown }[]): void {
    this.ready.push(...tasks.map(({ id, lane = 'gpu:0', data = {} }) => ({ id, lane, data })));
    this.wake();
  }

  close(): Promise<void> {
    return this.http.close();
  }

  private async answer({ path, body }: UpstreamRequest): Promise<ScriptedAnswer> {
    const heard = { path: path.replace('/v1/queue/', ''), body: body === '' ? null : JSON.parse(body) };
    const inbox = { take: this.takes, heartbeat: this.heartbeats }[heard.path] ?? this.reports;
    inbox.add(heard);
    const instead = await this.intercept(heard);
    if (instead !== null) return instead;
    return { body: JSON.stringify(await this.say(heard)) };
  }

  private async say({ path, body }: Heard): Promise<unknown> {
    if (path === 'take') return this.take(body);
    if (path === 'heartbeat') return { alive: [], gone: [...this.gone] };
    if (path === 'complete') {
      return { results: body.completions.map(({ task_id }: Json) => ({ task_id, outcome: 'recorded' })) };
    }
    return {};
  }

  private async take({ size }: { size: number }): Promise<Record<string, unknown[]>> {
    while (this.ready.length === 0) await new Promise<void>((resolve) => (this.wake = resolve));
    const byLane: Record<string, unknown[]> = {};
    for (const { id, lane, data } of this.ready.splice(0, size)) {
      const [queue, level] = lane.split(':');
      this.epoch += 1;
      (byLane[lane] ??= []).push({
        ...TASK,
        task_id: id,
        queue,
        level: Number(level),
        data,
        lease_token: `token-${this.epoch}`,
      });
    }
    return byLane;
  }
}
