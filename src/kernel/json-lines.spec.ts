import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readLines, type RawLine } from './json-lines.js';

const LIMIT = 100;
const LINE_FEED = 0x0a;
const BYTE_ORDER_MARK = '\ufeff';

async function* streamOf(chunks: Iterable<Buffer>): AsyncGenerator<Buffer> {
  yield* chunks;
}

async function linesOf(chunks: Iterable<Buffer>, maxLineBytes = LIMIT): Promise<RawLine[]> {
  const lines: RawLine[] = [];
  for await (const group of readLines(streamOf(chunks), maxLineBytes)) {
    for (const line of group) lines.push({ ...line, bytes: line.bytes && Buffer.from(line.bytes) });
  }
  return lines;
}

/** Each line as `number@offset:text`, or `number@offset too long`. */
async function cut(text: string, maxLineBytes = LIMIT): Promise<string[]> {
  const lines = await linesOf([Buffer.from(text)], maxLineBytes);
  return lines.map(
    ({ number, offset, bytes }) => `${number}@${offset}${bytes === null ? ' too long' : `:${bytes.toString()}`}`,
  );
}

describe('readLines', () => {
  it.each<[string, string, string[]]>([
    ['nothing', '', []],
    ['one line', 'abc\n', ['1@0:abc']],
    ['a last line without an end', 'abc', ['1@0:abc']],
    ['several', 'a\nbc\nd', ['1@0:a', '2@2:bc', '3@5:d']],
    ['blank lines', '\n\na\n\n', ['1@0:', '2@1:', '3@2:a', '4@4:']],
    ['one line feed', '\n', ['1@0:']],
    ['carriage returns', 'a\r\nb\rc\r\n\r\n', ['1@0:a\r', '2@3:b\rc\r', '3@8:\r']],
    ['more than ASCII', 'ä\n漢\n', ['1@0:ä', '2@3:漢']],
    ['NUL bytes', 'a\0b\n\0', ['1@0:a\0b', '2@4:\0']],
  ])('cuts %s', async (_kind, text, expected) => {
    expect(await cut(text)).toEqual(expected);
  });

  it('takes chunks that are empty, and streams of none', async () => {
    const empty = Buffer.alloc(0);
    expect(await linesOf([])).toEqual([]);
    expect(await linesOf([empty, empty])).toEqual([]);
    const lines = await linesOf([empty, Buffer.from('a'), empty, Buffer.from('b\n'), empty, Buffer.from('c')]);
    expect(lines.map(({ bytes }) => bytes?.toString())).toEqual(['ab', 'c']);
  });

  it('leaves bytes that are no UTF-8 as they are', async () => {
    const bytes = Buffer.from([0xff, 0xfe, 0x7b, 0x00, 0x0a, 0x00, 0xc3]);
    expect((await linesOf([bytes])).map((line) => line.bytes)).toEqual([bytes.subarray(0, 4), bytes.subarray(5)]);
  });

  describe('a byte order mark', () => {
    it('at the start is no part of the first line', async () => {
      expect(await cut(`${BYTE_ORDER_MARK}ab\ncd`)).toEqual(['1@3:ab', '2@6:cd']);
      expect(await cut(BYTE_ORDER_MARK)).toEqual(['1@3:']);
      expect(await cut(`${BYTE_ORDER_MARK}\n`)).toEqual(['1@3:']);
    });

    it('anywhere else is', async () => {
      const text = `a${BYTE_ORDER_MARK}\n${BYTE_ORDER_MARK}b`;
      expect(await cut(text)).toEqual([`1@0:a${BYTE_ORDER_MARK}`, `2@5:${BYTE_ORDER_MARK}b`]);
    });

    it('is known by all of its bytes', async () => {
      const half = Buffer.from([0xef, 0xbb]);
      expect(await linesOf([half])).toEqual([{ number: 1, offset: 0, bytes: half }]);
    });
  });

  describe('a line over the limit', () => {
    const long = 'x'.repeat(LIMIT + 1);
    const fitting = 'y'.repeat(LIMIT);

    it('is reported without its bytes, and the next is whole', async () => {
      const expected = ['1@0:a', '2@2 too long', `3@${LIMIT + 4}:${fitting}`, `4@${2 * LIMIT + 5}:b`];
      expect(await cut(`a\n${long}\n${fitting}\nb`)).toEqual(expected);
    });

    it('may be the last, ended or not', async () => {
      expect(await cut(long)).toEqual(['1@0 too long']);
      expect(await cut(`${long}\n`)).toEqual(['1@0 too long']);
    });

    it('is not kept while it comes', async () => {
      const chunk = Buffer.alloc(64 * 1024, 'x');
      let mostHeld = 0;
      function* endless(): Generator<Buffer> {
        for (let sent = 0; sent < 4_000; sent += 1) {
          // A new buffer each time: were they kept, 250 MiB would pile up.
          yield Buffer.from(chunk);
          if (sent % 100 === 0) mostHeld = Math.max(mostHeld, process.memoryUsage().arrayBuffers);
        }
        yield Buffer.from('\nnext');
      }
      const before = process.memoryUsage().arrayBuffers;
      const lines = await linesOf(endless(), 1_024);
      expect(lines).toEqual([
        { number: 1, offset: 0, bytes: null },
        { number: 2, offset: 4_000 * chunk.length + 1, bytes: Buffer.from('next') },
      ]);
      expect(mostHeld - before).toBeLessThan(128 * 1024 * 1024);
    });
  });

  it('does not depend on where the chunks end: every border', async () => {
    const text = `${BYTE_ORDER_MARK}{"a":1}\r\n\n${'x'.repeat(LIMIT + 1)}\nä漢\n\n${'y'.repeat(LIMIT)}\nlast`;
    const bytes = Buffer.from(text);
    const expected = await linesOf([bytes]);
    expect(expected).toHaveLength(7);
    for (let at = 0; at <= bytes.length; at += 1) {
      expect(await linesOf([bytes.subarray(0, at), bytes.subarray(at)])).toEqual(expected);
    }
    expect(await linesOf([...bytes].map((byte) => Buffer.from([byte])))).toEqual(expected);
  });

  it('does not depend on where the chunks end: any input', async () => {
    const byte = fc.constantFrom(LINE_FEED, LINE_FEED, 0x0d, 0xef, 0xbb, 0xbf, 0x7b, 0x00);
    const input = fc.tuple(fc.boolean(), fc.array(byte, { maxLength: 80 }));
    const sizes = fc.infiniteStream(fc.integer({ min: 0, max: 9 }));
    await fc.assert(
      fc.asyncProperty(input, sizes, fc.integer({ min: 0, max: 12 }), async ([isMarked, body], nextSize, limit) => {
        const bytes = Buffer.from([...(isMarked ? [0xef, 0xbb, 0xbf] : []), ...body]);
        const lines = await linesOf(pieces(bytes, nextSize), limit);
        expect(lines).toEqual(await linesOf([bytes], limit));
        expectFaithful(bytes, lines, limit);
      }),
      { numRuns: 500 },
    );
  });

  it('gives many lines in groups', async () => {
    const sizes: number[] = [];
    for await (const group of readLines(streamOf([Buffer.from('a\n'.repeat(2_500))]), LIMIT)) sizes.push(group.length);
    expect(sizes).toEqual([1_000, 1_000, 500]);
  });

  it('takes five million empty lines without piling them up', async () => {
    const chunk = Buffer.alloc(5_000_000, LINE_FEED);
    const before = process.memoryUsage().heapUsed;
    let [groups, count, last, mostUsed] = [0, 0, 0, 0];
    for await (const group of readLines(streamOf([chunk]), LIMIT)) {
      count += group.length;
      last = group.at(-1)!.number;
      if (groups++ % 50 === 0) mostUsed = Math.max(mostUsed, process.memoryUsage().heapUsed);
    }
    expect([count, last]).toEqual([5_000_000, 5_000_000]);
    // All of them at once would be more than 200 MiB.
    expect(mostUsed - before).toBeLessThan(64 * 1024 * 1024);
  });

  it('closes its source when the reader leaves, and hands on its error', async () => {
    let isClosed = false;
    async function* source(): AsyncGenerator<Buffer> {
      try {
        yield Buffer.from('a\nb\n');
        throw new Error('disk failed');
      } finally {
        isClosed = true;
      }
    }
    for await (const group of readLines(source(), LIMIT)) {
      expect(group).toHaveLength(2);
      break;
    }
    expect(isClosed).toBe(true);
    await expect(
      (async () => {
        for await (const group of readLines(source(), LIMIT)) expect(group).toHaveLength(2);
      })(),
    ).rejects.toThrow('disk failed');
  });
});

function* pieces(bytes: Buffer, nextSize: Iterator<number>): Generator<Buffer> {
  for (let from = 0; from < bytes.length;) {
    const size: number = nextSize.next().value;
    yield bytes.subarray(from, from + size);
    from += size;
  }
}

/** Numbers rise by one, and each line is what lies between two line feeds at its offset. */
function expectFaithful(bytes: Buffer, lines: readonly RawLine[], limit: number): void {
  let next = 0;
  lines.forEach((line, index) => {
    expect(line.number).toBe(index + 1);
    const feed = bytes.indexOf(LINE_FEED, next);
    const end = feed < 0 ? bytes.length : feed;
    const whole = bytes.subarray(next, end);
    if (whole.length > limit) {
      expect(line.bytes).toBeNull();
    } else {
      const isMarked = index === 0 && whole.subarray(0, 3).equals(Buffer.from(BYTE_ORDER_MARK));
      expect(line.offset).toBe(isMarked ? next + 3 : next);
      expect(line.bytes).toEqual(bytes.subarray(line.offset, end));
    }
    next = end + 1;
  });
  expect(next).toBeGreaterThanOrEqual(bytes.length);
}
