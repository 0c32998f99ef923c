import { describe, expect, it } from 'vitest';
import { BoundedLabels, MAX_LABEL_LENGTH, MAX_LABEL_VALUES } from './bounded-labels.js';

describe('BoundedLabels', () => {
  it('lets the first values through, and goes on doing so', () => {
    const bounds = new BoundedLabels();
    const names = Array.from({ length: MAX_LABEL_VALUES }, (_, at) => `queue-${at}`);
    expect(names.map((name) => bounds.bounded('queue', name))).toEqual(names);
    expect(names.map((name) => bounds.bounded('queue', name))).toEqual(names);
    expect(bounds.bounded('queue', 'one-too-many')).toBe('other');
    expect(bounds.bounded('queue', 'queue-0')).toBe('queue-0');
  });

  it('counts each label by itself', () => {
    const bounds = new BoundedLabels();
    for (let at = 0; at <= MAX_LABEL_VALUES; at++) bounds.bounded('queue', `queue-${at}`);
    expect(bounds.bounded('model', 'gpt')).toBe('gpt');
  });

  it('takes no long values, and spends no place on them', () => {
    const bounds = new BoundedLabels();
    for (let at = 0; at < MAX_LABEL_VALUES; at++) bounds.bounded('model', `${at}`.padEnd(MAX_LABEL_LENGTH + 1, 'x'));
    expect(bounds.bounded('model', 'm'.repeat(MAX_LABEL_LENGTH + 1))).toBe('other');
    expect(bounds.bounded('model', 'm'.repeat(MAX_LABEL_LENGTH))).toBe('m'.repeat(MAX_LABEL_LENGTH));
  });

  it('bounds all labels of a measurement without touching the object', () => {
    const bounds = new BoundedLabels();
    for (let at = 0; at < MAX_LABEL_VALUES; at++) bounds.bounded('queue', `queue-${at}`);
    const known = Object.freeze({ queue: 'queue-7', outcome: 'completed' });
    expect(bounds.boundedAll(known)).toBe(known);
    const unknown = Object.freeze({ queue: 'new', outcome: 'completed' });
    expect(bounds.boundedAll(unknown)).toEqual({ queue: 'other', outcome: 'completed' });
  });
});
