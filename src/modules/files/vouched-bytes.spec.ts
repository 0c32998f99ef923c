import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { DamagedBytes, vouchedBytes, type KnownBytes } from './vouched-bytes.js';

const PIECES = ['one, ', 'two, ', 'three'];
const KNOWN = { bytes: 15, sha256: createHash('sha256').update(PIECES.join('')).digest('hex') };

function vouched(pieces: readonly string[], known: KnownBytes): AsyncGenerator<Buffer> {
  return vouchedBytes(Readable.from(pieces.map((piece) => Buffer.from(piece))), known);
}

/** What comes out until the end, or until it breaks off. */
async function outcome(pieces: readonly string[], known: KnownBytes): Promise<{ text: string; error: unknown }> {
  let text = '';
  try {
    for await (const piece of vouched(pieces, known)) text += piece.toString();
    return { text, error: null };
  } catch (error) {
    return { text, error };
  }
}

describe('vouchedBytes', () => {
  it('passes on what is as it was stored', async () => {
    expect(await outcome(PIECES, KNOWN)).toEqual({ text: 'one, two, three', error: null });
    expect(await outcome([], { bytes: 0, sha256: null })).toEqual({ text: '', error: null });
  });

  it.each([
    ['changed', ['one, ', 'tWo, ', 'three'], KNOWN],
    ['changed at its very end', ['one, ', 'two, ', 'threE'], KNOWN],
    ['cut short', ['one, ', 'two'], { ...KNOWN, sha256: null }],
    ['cut off between two pieces', ['one, ', 'two, '], { ...KNOWN, sha256: null }],
    ['longer', [...PIECES, '!'], { ...KNOWN, sha256: null }],
    ['gone', [], KNOWN],
  ])('never hands out the last of what was %s', async (_, pieces, known) => {
    const { text, error } = await outcome(pieces, known);
    expect(error).toBeInstanceOf(DamagedBytes);
    expect(text).toBe(pieces.slice(0, -1).join(''));
  });

  it('does not look at the content of a part, of which nothing is known but its length', async () => {
    expect(await outcome(['anything'], { bytes: 8, sha256: null })).toEqual({ text: 'anything', error: null });
  });

  it('closes its source when nobody wants more', async () => {
    const source = Readable.from([Buffer.from('a'), Buffer.from('b'), Buffer.from('c')]);
    const bytes = vouchedBytes(source, { bytes: 3, sha256: null });
    for await (const piece of bytes) {
      expect(piece.toString()).toBe('a');
      break;
    }
    expect(source.destroyed).toBe(true);
  });
});
