import { describe, expect, it } from 'vitest';
import { clip, oneLine } from './terminal.js';

describe('clip', () => {
  it.each([
    ['short', 5, 'short'],
    ['longer', 5, 'long…'],
    ['two words', 5, 'two…'],
    ['', 5, ''],
    ['日本語', 6, '日本語'],
    ['日本語です', 6, '日本…'],
    ['👩‍💻👩‍💻👩‍💻', 5, '👩‍💻👩‍💻…'],
  ])('makes of %j in %i columns %j', (text, width, expected) => {
    expect(clip(text, width)).toBe(expected);
  });
});

describe('oneLine', () => {
  it('leaves nothing that moves the cursor', () => {
    expect(oneLine(' a\r\n\tb \u001b[2Jc\u202e d\u0007')).toBe('a b [2Jc d');
  });
});
