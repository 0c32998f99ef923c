import { EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';
import { describe, expect, it, vi } from 'vitest';
import { FakeClock } from '../../../test/support/fake-clock.js';
import { settle } from '../../../test/support/inbox.js';
import type { AccessService } from '../../modules/access/access.service.js';
import type { Caller } from '../../modules/access/caller.js';
import { endedKey } from '../../modules/access/key-watch.js';
import type { PullService } from '../../modules/tasks/pull.service.js';
import type { HandedTask } from '../../modules/tasks/task-requests.js';
import type { AppLogger } from '../../telemetry/logger.js';
import { Handovers } from './handovers.js';

const taskOf = (n: number) => ({ id: `task_${n}`, epoch: n }) as HandedTask;
const back = (...ns: number[]) => [7, ns.map((n) => ({ taskId: `task_${n}`, epoch: n }))];

class FakeResponse extends EventEmitter {
  writableFinished = false;

  constructor(readonly socket: EventEmitter) {
    super();
  }

  /** The request is over, with the answer written or not. */
  close(isWritten: boolean): void {
    this.writableFinished = isWritten;
    this.emit('close');
  }
}

function setUp() {
  const clock = new FakeClock();
  const release = vi.fn(() => Promise.resolve([]));
  const logger = { child: () => ({ debug: vi.fn(), error: vi.fn() }) } as unknown as AppLogger;
  const close = vi.fn();
  let endKey = (): void => {};
  const ended = new Promise<never>((_, reject) => (endKey = () => reject(endedKey())));
  const access = { watchKey: () => ({ ended, close }) } as unknown as AccessService;
  const handovers = new Handovers({ release } as unknown as PullService, access, clock, logger);
  const socket = new EventEmitter();
  const begin = () => {
    const response = new FakeResponse(socket);
    return { response, ...handovers.begin({ tenantSeq: 7 } as Caller, response as unknown as ServerResponse) };
  };
  return { clock, release, socket, begin, endKey, close };
}

describe('a worker who hangs up', () => {
  it('while it waits is waited for no longer', () => {
    const { begin, release } = setUp();
    const { response, signal } = begin();
    expect(signal.aborted).toBe(false);
    response.close(false);
    expect(signal.aborted).toBe(true);
    expect(release).not.toHaveBeenCalled();
  });

  it('while tasks are leased for it gives them back', () => {
    const { begin, release } = setUp();
    const { response, offer } = begin();
    response.close(false);
    expect(offer([taskOf(1), taskOf(2)])).toEqual([]);
    expect(release.mock.calls).toEqual([back(1, 2)]);
  });

  it('before its answer is written gives them back', () => {
    const { begin, release } = setUp();
    const { response, offer } = begin();
    expect(offer([taskOf(1)])).toEqual([taskOf(1)]);
    expect(release).not.toHaveBeenCalled();
    response.close(false);
    expect(release.mock.calls).toEqual([back(1)]);
  });

  it('keeps what was written, however it leaves later', () => {
    const { begin, release, socket, clock } = setUp();
    const { response, offer } = begin();
    offer([taskOf(1)]);
    response.close(true);
    clock.advance(1_001);
    socket.emit('close', true);
    expect(release).not.toHaveBeenCalled();
  });
});

describe('a worker whose key ends', () => {
  it('is waited for no longer, and gives back what was leased for it', async () => {
    const { begin, release, socket, endKey, close } = setUp();
    const { response, signal, offer } = begin();
    endKey();
    await settle();
    expect(signal.aborted).toBe(true);
    expect(() => offer([taskOf(1)])).toThrow(endedKey());
    expect(release.mock.calls).toEqual([back(1)]);
    response.close(true);
    socket.emit('close', true);
    expect(release).toHaveBeenCalledOnce();
    expect(close).toHaveBeenCalledOnce();
  });
});

describe('a connection that ends when an answer was just written', () => {
  it('by a reset brings the tasks of the last answer back', () => {
    const { begin, release, socket } = setUp();
    for (const n of [1, 2]) {
      const { response, offer } = begin();
      offer([taskOf(n)]);
      response.close(true);
    }
    expect(socket.listenerCount('close')).toBe(1);
    socket.emit('close', true);
    expect(release.mock.calls).toEqual([back(2)]);
  });

  it('in peace leaves them to its worker', () => {
    const { begin, release, socket } = setUp();
    const { response, offer } = begin();
    offer([taskOf(1)]);
    response.close(true);
    socket.emit('close', false);
    expect(release).not.toHaveBeenCalled();
  });

  it('is not watched for an answer without tasks', () => {
    const { begin, socket } = setUp();
    const { response, offer } = begin();
    offer([]);
    response.close(true);
    expect(socket.listenerCount('close')).toBe(0);
  });
});
