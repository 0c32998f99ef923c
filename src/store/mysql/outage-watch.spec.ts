import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { MillraceError } from '../../kernel/errors.js';
import { OutageWatch } from './outage-watch.js';

const REFUSAL = new MillraceError('store_unavailable', 'not now');

describe('OutageWatch', () => {
  let told: unknown[];
  let watch: OutageWatch;
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['performance'] });
    told = [];
    watch = new OutageWatch({ onAway: (error) => told.push(error), onBack: (outage) => told.push(outage) });
  });
  afterEach(() => void vi.useRealTimers());

  it('says nothing of answers', () => {
    watch.noteAnswer();
    expect(told).toEqual([]);
  });

  it('tells the first refusal, and the first answer after the last one', () => {
    for (let n = 0; n < 10; n += 1) {
      watch.noteRefusal(REFUSAL);
      vi.advanceTimersByTime(1_000);
    }
    expect(told).toEqual([REFUSAL]);
    vi.advanceTimersByTime(60_000);
    expect(told, 'nobody has answered yet').toEqual([REFUSAL]);
    watch.noteAnswer();
    watch.noteAnswer();
    expect(told).toEqual([REFUSAL, { lastedMs: 9_000, refused: 10 }]);
  });

  it('is not back at each read of a server that refuses writes', () => {
    for (let n = 0; n < 10; n += 1) {
      watch.noteRefusal(REFUSAL);
      vi.advanceTimersByTime(1_000);
      watch.noteAnswer();
    }
    expect(told).toEqual([REFUSAL]);
  });

  it('tells each outage', () => {
    for (let n = 0; n < 2; n += 1) {
      watch.noteRefusal(REFUSAL);
      vi.advanceTimersByTime(5_000);
      watch.noteAnswer();
    }
    const outage = { lastedMs: 0, refused: 1 };
    expect(told).toEqual([REFUSAL, outage, REFUSAL, outage]);
  });
});
