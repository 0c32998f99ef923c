/** A long line is read in another way than a short one; what is found must be the same. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Turn } from '../../kernel/turn.js';
import { mutated, textLine } from '../../../test/support/mutations.js';
import { checkLine, checkLongLine } from './line-check.js';
import { OutlineReader } from './line-outline.js';

const ENDPOINT = '/v1/chat/completions';
/** Characters after which the reader pauses. */
const STEP = 64 * 1024;

async function expectSame(line: string | Buffer): Promise<void> {
  const bytes = Buffer.from(line as string);
  expect(await checkLongLine(bytes, ENDPOINT, new Turn())).toEqual(checkLine(bytes, ENDPOINT));
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function outlineOf(text: string): unknown {
  const steps = new OutlineReader(Buffer.from(text)).steps();
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

describe('the outline of a line', () => {
  it.each([
    '{"custom_id":"a","method":"POST","url":"/v1/chat/completions","body":{"model":"m","messages":[]}}',
    '{"body":{"model":"m","messages":[]},"body":{"messages":[]},"custom_id":"a","custom_id":5}',
    '{"body":{"model":"m","messages":[{"model":5,"body":{"model":1}}]},"x":{"model":"n","body":7}}',
    '{"b\\u006fdy":{"mod\\u0065l":"m\\ud83d\\ude00","messages":1,"stream":true},"custom_id":"\\u0000"}',
    '{"__proto__":{"custom_id":"a"},"body":{"__proto__":{"model":"m"}}}',
    '{"body":[{"model":"m"}],"custom_id":{}, "method":["POST"], "url":null}',
    ' \t{ "custom_id" : "ü" , "body" : { "model" : "日本" } } \r',
    '[{"body":{}}]',
    '"body"',
    '5',
    '{}',
    `{"body":{"model":"m","messages":${'['.repeat(250)}${']'.repeat(250)}}}`,
    `{"x":${'['.repeat(250)}${']'.repeat(250)},"body":{"model":"m","messages":[[]]}}`,
  ])('is judged like the line itself: %s', expectSame);

  it.each(
    [
      [
        '',
        ' ',
        '{',
        '}',
        '[',
        ']',
        '{]',
        '[}',
        '[1,]',
        '[,1]',
        '{,}',
        '{"a"}',
        '{"a":}',
        '{"a":1,}',
        '{"a" 1}',
        '{1:2}',
      ],
      [
        '1 2',
        '{} {}',
        '[] ,',
        ',',
        ':',
        '"',
        '"\\',
        '"\\x"',
        '"\\u12g4"',
        '"\\u123"',
        '"a\tb"',
        '"a\nb"',
        "'a'",
        'nul',
      ],
      [
        '-',
        '01',
        '1.',
        '.5',
        '1e',
        '1e+',
        '+1',
        '-01',
        '0x1',
        'NaN',
        'Infinity',
        'truex',
        '[1 2]',
        '["a":1]',
        '\u00a01',
      ],
      [
        '0',
        '-0',
        '1.5',
        '1e5',
        '1E-5',
        '-0.0e+00',
        'true',
        'false',
        'null',
        '[]',
        '[[],{}]',
        '{"a":[{"b":1}]}',
        '"\\/"',
      ],
    ].flat(),
  )('is there if and only if the line is JSON: %j', (text) => {
    expect(outlineOf(text) !== null).toBe(isJson(text));
  });

  it('is the same of any line, however it was damaged', async () => {
    await fc.assert(fc.asyncProperty(mutated(textLine), expectSame), { numRuns: 3_000 });
  });

  it('is the same of any text made of pieces of JSON', () => {
    const piece = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '"',
      '\\',
      ' ',
      '\t',
      '1',
      '-',
      '0',
      '.',
      'e',
      'true',
      'null',
      '"a"',
      '"body"',
      '\\u0041',
      '"\\n"',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const text = pieces.join('');
        expect([text, outlineOf(text) !== null]).toEqual([text, isJson(text)]);
      }),
      { numRuns: 20_000 },
    );
  });

  it.each(['\\"', '\\u0041', '\\x', '\t', ' ', '"', '\\'])(
    'is the same around %j where a long string is put aside',
    (odd) => {
      for (let filled = STEP - 8; filled <= STEP + 2; filled += 1) {
        const long = `"${'x'.repeat(filled)}${odd}\t"`;
        for (const text of [long, long.replace('\t', ''), `{${long.replace('\t', '')}:1}`]) {
          expect([filled, outlineOf(text) !== null]).toEqual([filled, isJson(text)]);
        }
      }
    },
  );

  it('pauses in a long string too, be it a text or a name', () => {
    const long = '\\"'.repeat(1_000_000);
    const pauses = (text: string) => [...new OutlineReader(Buffer.from(text)).steps()].length;
    expect([pauses(`"${long}"`) > 20, pauses(`{"${long}":1}`) > 20]).toEqual([true, true]);
  });

  it('of a line of millions of brackets takes no memory for each, and pauses', () => {
    const text = `{"body":{"model":"m","messages":${'['.repeat(500_000)}${']'.repeat(500_000)}}}`;
    const pauses = [...new OutlineReader(Buffer.from(text)).steps()].length;
    expect(pauses).toBeGreaterThanOrEqual(10);
    expect(outlineOf(text)).toMatchObject({ value: { body: { model: 'm', messages: [] } }, body: { depth: 500_001 } });
    expect(outlineOf(text.slice(0, -1))).toBeNull();
  });
});
