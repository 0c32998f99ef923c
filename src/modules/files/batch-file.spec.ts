import { describe, expect, it } from 'vitest';
import { checkBatchFile, FirstLine } from './batch-file.js';

function firstLineOf(...chunks: (string | Buffer)[]): FirstLine {
  const line = new FirstLine();
  for (const chunk of chunks) line.add(Buffer.from(chunk as string));
  return line;
}

const LONGEST = 64 * 1024;

describe('the first line', () => {
  it('is put together from chunks, and ends at the first line feed', () => {
    expect(firstLineOf('{"a"', ':1}\n{"b"', ':2}\n').text()).toBe('{"a":1}');
    expect(firstLineOf('no end').text()).toBe('no end');
    expect(firstLineOf('').text()).toBe('');
  });

  it('may have a byte order mark before it and a carriage return behind', () => {
    expect(JSON.parse(firstLineOf('\uFEFF{"a":1}\r\n').text())).toEqual({ a: 1 });
  });

  it('is the first that is not blank', () => {
    for (const blank of ['\n', ' \t\r\n\n', '\uFEFF\r\n', `${' '.repeat(100)}\n`.repeat(3)]) {
      const line = firstLineOf(blank, 'x\ny');
      expect([line.text(), line.number]).toEqual(['x', blank.split('\n').length]);
    }
    expect(firstLineOf(' ', '\n', ' ', ' \r').text()).toBe('');
  });

  it('joins characters that were cut in two', () => {
    const bytes = Buffer.from('"ü"\n');
    expect(firstLineOf(bytes.subarray(0, 2), bytes.subarray(2)).text()).toBe('"ü"');
  });

  it('is not kept when it is too long', () => {
    const line = firstLineOf('x'.repeat(LONGEST), 'y', '\n');
    expect([line.isTooLong, line.text()]).toEqual([true, '']);
    expect(firstLineOf('x'.repeat(LONGEST), '\n').isTooLong).toBe(false);
  });
});

describe('a file for a batch', () => {
  const check = (name: string, text: string) => () => checkBatchFile(name, firstLineOf(text));

  it('passes when it looks like JSONL', () => {
    for (const text of ['{}', '{}\n', '\r\n\n{}', '[1]\nnonsense', 'x'.repeat(LONGEST + 1)])
      expect(check('a.jsonl', text)).not.toThrow();
    expect(check('A.JSONL', '{}')).not.toThrow();
  });

  it.each([
    ['a.json', '{}', 'Invalid file format for Batch API. Must be .jsonl'],
    ['jsonl', '{}', 'Invalid file format for Batch API. Must be .jsonl'],
    ['a.jsonl', '', 'Invalid file format for Batch API. The file is empty.'],
    ['a.jsonl', ' \r\n\n', 'Invalid file format for Batch API. The file is empty.'],
    ['a.jsonl', '\n{', 'Invalid file format for Batch API. Line 2 is not valid JSON: '],
    ['a.jsonl', '{}\v', 'Invalid file format for Batch API. Line 1 is not valid JSON: '],
    ['a.jsonl', '\n\uFEFF{}', 'Invalid file format for Batch API. Line 2 is not valid JSON: '],
    ['a.jsonl', 'PK\x03\x04', 'Invalid file format for Batch API. Line 1 is not valid JSON: '],
  ])('is refused: %j with %j', (name, text, message) => {
    expect(check(name, text)).toThrow(message);
  });
});
