import { beforeEach, describe, expect, it, vi } from 'vitest';
import { FakeClock } from '../../../test/support/fake-clock.js';
import type { Lane } from '../../modules/queues/queues.service.js';
import type { Upstream } from '../../modules/upstreams/upstream.js';
import type { Limiter } from '../../ports/limiter.js';
import type { LeasedTask } from '../../store/procedures/task-shapes.js';
import type { DispatchTelemetry } from './dispatch-telemetry.js';
import { EarlyCall } from './early-call.js';
import { EventStreamReader } from './event-stream-reader.js';
import type { Recorder } from './recorder.js';
import type { SingleCalls } from './single-calls.js';
import type { SingleTask } from './single-task.js';
import { SliceLoader } from './slice-loader.js';
import { TaskRunner } from './task-runner.js';
import { UpstreamFailure, type UpstreamAnswer } from './upstream-answer.js';
import type { UpstreamClient } from './upstream-client.js';
import { UpstreamGate } from './upstream-gate.js';

const KEY = 'permits';
const TASK = { seq: 1, id: 'task_1', epoch: 1, batchSeq: null, tries: 0 } as LeasedTask;
const SINGLE = { id: 'task_1', mode: 'streaming', expiresAt: null } as SingleTask;
const LANE = { queue: { retry: { maxTries: null, backoff: {} } } } as Lane;
const UPSTREAM = { name: 'u' } as Upstream;
const ANSWER: UpstreamAnswer = { status: 200, contentType: '', requestId: null, retryAfterMs: null, body: '' };

describe('a call that went out while its task was being stored', () => {
  const recorder = { release: vi.fn(() => Promise.resolve()), maxTries: 5 };
  const relay = { isHeard: false, say: vi.fn(() => (relay.isHeard = true)) };
  const endStream = vi.fn(() => Promise.resolve());
  const release = vi.fn();
  const abort = vi.fn();
  const post = vi.fn();
  const run = vi.fn((call: () => Promise<UpstreamAnswer>) => call());
  let early: EarlyCall;
  let runner: TaskRunner;

  beforeEach(() => {
    vi.clearAllMocks();
    relay.isHeard = false;
    const reader = new EventStreamReader();
    early = new EarlyCall({ answer: Promise.resolve(ANSWER), abort }, reader);
    reader.take(Buffer.from('data: {"n":1}\n\n'));
    const telemetry = { called: vi.fn(), failed: vi.fn() } as unknown as DispatchTelemetry;
    runner = new TaskRunner(
      { post } as unknown as UpstreamClient,
      recorder as unknown as Recorder,
      new SliceLoader(null!, null!, null!, telemetry),
      { release } as unknown as Limiter,
      new FakeClock(),
      telemetry,
      { stream: () => ({ relay, reader }), endStream } as unknown as SingleCalls,
    );
  });

  async function runTask(): Promise<void> {
    const gate = { key: KEY, run } as unknown as UpstreamGate;
    runner.start(LANE, UPSTREAM, gate, [runner.known(TASK, SINGLE, '{}', early)]);
    expect(relay.say, 'told in the turn in which it was stored').not.toHaveBeenCalled();
    await runner.drained();
  }

  it('is taken over: its caller hears what came, nothing is sent again, and its permit goes back', async () => {
    await runTask();
    expect(relay.say).toHaveBeenCalledWith([{ id: null, name: null, data: '{"n":1}' }]);
    expect(endStream).toHaveBeenCalledWith(expect.anything(), expect.anything(), ANSWER);
    expect(post).not.toHaveBeenCalled();
    expect(release.mock.calls).toEqual([[KEY, 1]]);
  });

  it('is given up when the breaker has opened meanwhile: its caller has heard nothing, and the task can be run again', async () => {
    run.mockRejectedValueOnce(new UpstreamFailure('unreachable', 'The upstream is given a rest.'));
    await runTask();
    expect(abort).toHaveBeenCalled();
    expect(relay.say).not.toHaveBeenCalled();
    expect(endStream).not.toHaveBeenCalled();
    expect(recorder.release).toHaveBeenCalledOnce();
    expect(release.mock.calls).toEqual([[KEY, 1]]);
  });

  it('ends with its task', async () => {
    const ended = runTask();
    runner.abortTask(TASK.seq);
    await ended;
    expect(abort).toHaveBeenCalled();
    expect([recorder.release, endStream].map((end) => end.mock.calls)).toEqual([[], []]);
    expect(release.mock.calls).toEqual([[KEY, 1]]);
  });
});

describe('a task whose caller waits for three seconds more', () => {
  const clock = new FakeClock();
  const recorder = { answer: vi.fn(), retry: vi.fn(), release: vi.fn(), giveUp: vi.fn(), maxTries: 5 };
  const limiter = { release: vi.fn(), pause: vi.fn(), pausedUntil: vi.fn() };
  const telemetry = { called: vi.fn(), failed: vi.fn(), paced: vi.fn() } as unknown as DispatchTelemetry;
  const post = vi.fn();
  const waiting = { mode: 'blocking', expiresAt: clock.now() + 4_000 } as SingleTask;
  const busy = (retryAfterMs: number | null): UpstreamAnswer => ({ ...ANSWER, status: 429, retryAfterMs, body: '{}' });

  beforeEach(() => {
    limiter.pausedUntil.mockResolvedValue(null);
  });

  /** How often each end was recorded, and the pauses that were begun, in ms. */
  async function endsOf(answer: UpstreamAnswer, single = waiting, firstMs = 1): Promise<object> {
    vi.clearAllMocks();
    post.mockReturnValue({ answer: Promise.resolve(answer), abort: vi.fn() });
    const runner = new TaskRunner(
      { post } as unknown as UpstreamClient,
      recorder as unknown as Recorder,
      new SliceLoader(null!, null!, null!, telemetry),
      limiter as unknown as Limiter,
      clock,
      telemetry,
      { stream: () => null, endpointOf: () => '/v1/x' } as unknown as SingleCalls,
    );
    const lane = { queue: { retry: { maxTries: 5, backoff: { firstMs, maxMs: firstMs } } } } as Lane;
    const upstream = { name: 'u', concurrency: 8 } as Upstream;
    const gate = new UpstreamGate(upstream, limiter as unknown as Limiter, clock, telemetry);
    runner.start(lane, upstream, gate, [runner.known(TASK, single, '{}', null)]);
    await runner.drained();
    const { answer: answered, retry, release } = recorder;
    const [told, retried, released] = [answered, retry, release].map(({ mock }) => mock.calls.length);
    const pauses = limiter.pause.mock.calls.map(([, until]) => (until as number) - clock.now());
    return { told, retried, released, pauses, allowed: gate.limits.concurrency };
  }

  it('is told of a pause that ends after that, which nobody keeps for his sake; and the upstream gets fewer calls', async () => {
    const told = { told: 1, retried: 0, released: 0, pauses: [], allowed: 5 };
    expect(await endsOf(busy(3_000))).toEqual(told);
    expect(await endsOf(busy(2_900)), 'no time for an answer is left').toEqual(told);
  });

  it('waits for the end of one that is shorter', async () => {
    expect(await endsOf(busy(2_000))).toEqual({ told: 0, retried: 0, released: 1, pauses: [2_000], allowed: 5 });
  });

  it('is told when others have begun a longer one, whoever it is that tries again', async () => {
    limiter.pausedUntil.mockResolvedValue(clock.now() + 3_000);
    expect(await endsOf(busy(10))).toMatchObject({ told: 1, released: 0, pauses: [] });
    expect(await endsOf({ ...ANSWER, status: 500, body: '{}' })).toMatchObject({ told: 1, retried: 0 });
  });

  it('is told of an error when the next try is due after that', async () => {
    expect(await endsOf({ ...ANSWER, status: 500, body: '{}' }, waiting, 8_000)).toMatchObject({ told: 1, retried: 0 });
    expect(await endsOf({ ...ANSWER, status: 500, body: '{}' })).toMatchObject({ retried: 1 });
  });

  it('waits as long as it is there when nobody is on the line', async () => {
    const alone = { ...waiting, mode: 'callback' } as SingleTask;
    expect(await endsOf(busy(3_900), alone)).toMatchObject({ told: 0, released: 1, pauses: [3_900] });
    expect(await endsOf(busy(99_000), { ...alone, expiresAt: null })).toMatchObject({ told: 0, released: 1 });
  });
});
