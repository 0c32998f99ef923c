import { describe, expect, it } from 'vitest';
import { Gate, settle } from '../../../test/support/inbox.js';
import type { EventBus } from '../../ports/event-bus.js';
import type { QueuesService } from '../queues/queues.service.js';
import { SetupChanges } from './setup-changes.js';

function setUp() {
  const read = new Gate();
  const steps: string[] = [];
  const queues = {
    refresh: async () => {
      steps.push('reading');
      await read.opened;
      steps.push('read');
    },
    allLanes: () => [{ seq: 7 }],
    call: (laneSeqs: number[]) => steps.push(`call ${laneSeqs.join()}`),
  } as unknown as QueuesService;
  const events = { publish: (topic: string) => steps.push(topic) } as unknown as EventBus;
  return { read, steps, changes: new SetupChanges(queues, events) };
}

describe('a change of the set-up', () => {
  it('is answered when it is in effect, and not before', async () => {
    const { read, steps, changes } = setUp();
    const answer = changes.inEffect(Promise.resolve('changed')).then((result) => steps.push(result));
    await settle();
    expect(steps).toEqual(['queues.changed', 'reading']);
    read.open();
    await answer;
    expect(steps).toEqual(['queues.changed', 'reading', 'read', 'call 7', 'changed']);
  });

  it('that fails is looked at again, and says why it failed', async () => {
    const { read, steps, changes } = setUp();
    read.open();
    await expect(changes.inEffect(Promise.reject(new Error('no answer')))).rejects.toThrow('no answer');
    expect(steps).toEqual(['queues.changed', 'reading', 'read', 'call 7']);
  });
});
