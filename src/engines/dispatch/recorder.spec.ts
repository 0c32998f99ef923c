import { beforeEach, describe, expect, it, vi } from 'vitest';
import { FakeClock } from '../../../test/support/fake-clock.js';
import type { AppConfig } from '../../config/app-config.js';
import type { Lane } from '../../modules/queues/queues.service.js';
import { Spill } from '../../modules/tasks/spill.js';
import type { TaskNotices } from '../../modules/tasks/task-notices.js';
import type { BlobStore } from '../../ports/blob-store.js';
import type { SingleTaskStore } from '../../store/single-task.store.js';
import type { TaskStore } from '../../store/task.store.js';
import type { DispatchTelemetry } from './dispatch-telemetry.js';
import { Recorder, type Held } from './recorder.js';

const LANE = { seq: 1, level: 0, queue: { seq: 1, maxConcurrency: null } } as Lane;

const EVENT = { id: null, name: null, data: '1' };

/** A task of which no more is known than its lease. */
function unread(id: string | null, batchSeq: number | null): Held {
  const task = { seq: 9, id, epoch: 1, batchSeq, bodyOffset: null, bodyLength: null, tries: 4 };
  return { task, lane: LANE, startedAt: 0, single: null };
}

describe('the end of a task whose input could not be read', () => {
  const finish = vi.fn(() => Promise.resolve({ isRecorded: true, isBatchDone: false }));
  const after = vi.fn();
  const recorder = new Recorder(
    {} as AppConfig,
    { finish } as unknown as TaskStore,
    new Spill({} as BlobStore),
    {} as SingleTaskStore,
    { after } as unknown as TaskNotices,
    new FakeClock(),
    { finished: vi.fn() } as unknown as DispatchTelemetry,
  );
  beforeEach(() => void vi.clearAllMocks());

  it('is told to who waits for it, and to who wants to be called back, if anybody does', async () => {
    await recorder.giveUp(unread('task_9', null), 'input_unreadable', 'The input of the task could not be read.');
    expect(finish).toHaveBeenCalledWith(expect.objectContaining({ hasCallback: true }));
    expect(after).toHaveBeenCalledWith(
      expect.objectContaining({ endedIds: ['task_9'], hasCallbacks: true }),
      { seq: 9 },
      {
        state: 'failed',
        result: {
          statusCode: null,
          requestId: null,
          body: null,
          errorCode: 'input_unreadable',
          errorMessage: 'The input of the task could not be read.',
        },
      },
    );
  });

  it("is nobody else's business where it is the line of a batch", async () => {
    await recorder.giveUp(unread(null, 3), 'input_unreadable', 'The input of the task could not be read.');
    expect(finish).toHaveBeenCalledWith(expect.objectContaining({ hasCallback: false }));
    expect(after).not.toHaveBeenCalled();
  });

  it.each([
    ['its last words', { firstN: 5, events: [EVENT, EVENT] }, 6],
    ['all it had to say before', { firstN: 5, events: [] }, 4],
  ])('is told with the number of the last event of a stream that has said %s', async (_, lastWords, lastN) => {
    await recorder.complete(unread('task_9', null), 200, null, null, null, lastWords);
    expect(finish).toHaveBeenCalledWith(expect.objectContaining({ lastWords }));
    expect(after).toHaveBeenCalledWith(
      expect.anything(),
      { seq: 9, lastN },
      expect.objectContaining({ state: 'completed' }),
    );
  });
});
