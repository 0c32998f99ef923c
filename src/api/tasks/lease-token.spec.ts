import { describe, expect, it } from 'vitest';
import { newId } from '../../kernel/ids.js';
import { epochOfToken, leaseTokenOf } from './lease-token.js';

const ID = newId('task');

describe('a lease token', () => {
  it('stands for one lease of one task', () => {
    expect(epochOfToken(ID, leaseTokenOf(ID, 7))).toBe(7);
    expect(leaseTokenOf(ID, 7)).not.toBe(leaseTokenOf(ID, 8));
  });

  it('that is none is none', () => {
    expect(epochOfToken(ID, null)).toBeNull();
  });

  it.each([
    '',
    '-',
    '7',
    ID,
    `${leaseTokenOf(ID, 7)}0x`,
    leaseTokenOf(newId('task'), 7),
    `${leaseTokenOf(ID, 7)} `,
    '💥-1',
  ])('%j is that of no lease', (token) => {
    expect(epochOfToken(ID, token)).toBe(0);
  });

  it('must be written as it was given out', () => {
    expect(epochOfToken(ID, leaseTokenOf(ID, 7).replace('-7', '-07'))).toBe(0);
  });
});
