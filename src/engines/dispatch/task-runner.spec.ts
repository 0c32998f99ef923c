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
import type { UpstreamGate } from './upstream-gate.js';

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
