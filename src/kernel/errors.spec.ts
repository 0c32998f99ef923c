import { expect, it } from 'vitest';
import { messageOf } from './errors.js';

it.each([
  [new Error('broken'), 'broken'],
  ['broken', 'broken'],
  [Object.assign(new Error('broken'), { code: 'E1' }), 'broken'],
  // Of tries at several addresses of one host.
  [Object.assign(new AggregateError([new Error('one'), new Error('other')]), { code: 'ECONNREFUSED' }), 'ECONNREFUSED'],
  [new Error(), ''],
])('messageOf(%o) is %s', (thrown, message) => expect(messageOf(thrown)).toBe(message));
