import type { IncomingMessage } from 'node:http';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { LOOK_INTERVAL_MS, SlowBodyWatch } from './slow-body-watch.js';

/** What the watch sees of a request. */
class FakeRequest {
  complete = false;
  destroyed = false;
  readonly socket = { bytesRead: 500 };

  destroy(): void {
    this.destroyed = true;
  }

  asRequest(): IncomingMessage {
    return this as unknown as IncomingMessage;
  }
}

let watch: SlowBodyWatch;
let request: FakeRequest;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  watch = new SlowBodyWatch();
  request = new FakeRequest();
});
afterEach(() => {
  watch.stop();
  vi.useRealTimers();
});

function pass(looks: number, bytesEach: number): void {
  for (let look = 0; look < looks; look += 1) {
    request.socket.bytesRead += bytesEach;
    vi.advanceTimersByTime(LOOK_INTERVAL_MS);
  }
}

describe('a body that is on its way', () => {
  it('may be as slow as it likes, but not drip', () => {
    watch.add(request.asRequest());
    pass(100, 1_024);
    expect(request.destroyed).toBe(false);
    pass(1, 1_023);
    expect(request.destroyed).toBe(true);
  });

  it('is not judged by the time in which this process was halted', () => {
    const now = vi.spyOn(performance, 'now');
    watch.add(request.asRequest());
    now.mockReturnValue(LOOK_INTERVAL_MS);
    pass(1, 1_024);
    now.mockReturnValue(4 * LOOK_INTERVAL_MS);
    pass(1, 0);
    expect(request.destroyed).toBe(false);
    now.mockReturnValue(5 * LOOK_INTERVAL_MS);
    pass(1, 0);
    expect(request.destroyed).toBe(true);
    now.mockRestore();
  });

  it('is given a whole interval before it is judged', () => {
    vi.advanceTimersByTime(LOOK_INTERVAL_MS - 1);
    watch.add(request.asRequest());
    vi.advanceTimersByTime(1);
    expect(request.destroyed).toBe(false);
    vi.advanceTimersByTime(LOOK_INTERVAL_MS);
    expect(request.destroyed).toBe(true);
  });
});

describe('a request that waits for its answer', () => {
  it('is left alone when its body has arrived', () => {
    watch.add(request.asRequest());
    request.complete = true;
    pass(5, 0);
    expect(request.destroyed).toBe(false);
  });

  it('is left alone when it is answered', () => {
    watch.remove(watch.add(request.asRequest())!);
    pass(5, 0);
    expect(request.destroyed).toBe(false);
  });
});

it('leaves no timer when it stops', () => {
  expect(vi.getTimerCount()).toBe(1);
  watch.stop();
  expect(vi.getTimerCount()).toBe(0);
});
