import { describe, expect, it } from 'vitest';
import { commonOptions } from './redis-link.js';

const DEMOTED = "READONLY You can't write against a read only replica.";

describe('a connection', () => {
  const reconnects = (message: string) => commonOptions().reconnectOnError!(new Error(message));

  it.each([
    ['a command', DEMOTED],
    ['a script', `${DEMOTED} script: 7bde4bd4, on @user_script:1.`],
    [
      'a script in Redis 6.2',
      `ERR Error running script (call to f_7bde): @user_script:1: @user_script: 1: -${DEMOTED}`,
    ],
  ])('is made anew when its server was demoted, as %s is told', (_, message) => {
    expect(reconnects(message)).toBe(true);
  });

  it('is made anew once, however much was on its way', () => {
    const { reconnectOnError } = commonOptions();
    expect([1, 2, 3].map(() => reconnectOnError!(new Error(DEMOTED)))).toEqual([true, false, false]);
  });

  it.each([
    'NOSCRIPT No matching script. Please use EVAL.',
    'ERR Error running script: user_script:1: attempt to index a nil value',
    "WRONGTYPE of the key 'READONLY'",
  ])('stays for any other error: %s', (message) => {
    expect(reconnects(message)).toBe(false);
  });
});
