import { describe, expect, it } from 'vitest';
import { parseLane } from './lane-name.js';

describe('the name of a lane', () => {
  it.each([
    ['chat:0', 'chat', 0],
    ['a-b_c:9', 'a-b_c', 9],
    [`${'x'.repeat(64)}:1`, 'x'.repeat(64), 1],
  ])('%s is a queue and a level', (text, queueName, level) => {
    expect(parseLane(text, 'queues.0')).toEqual({ queueName, level });
  });

  it.each([
    '',
    ':',
    'chat',
    'chat:',
    ':0',
    'chat:10',
    'chat:-1',
    'chat:x',
    'chat:0:0',
    'chat: 0',
    'ch at:0',
    'chät:0',
    `${'x'.repeat(65)}:0`,
  ])('%j is none', (text) => {
    expect(() => parseLane(text, 'queues.0')).toThrow(
      "Invalid 'queues.0': expected the name of a queue and a level from 0 to 9, such as 'chat:0'.",
    );
  });
});
