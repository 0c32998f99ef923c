import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findBody } from './body-span.js';

/** Where the scanner says the body is, as text again. */
function bodyText(line: string): string | null {
  const bytes = Buffer.from(line);
  const span = findBody(bytes.toString('latin1'));
  return span && bytes.subarray(span.start, span.end).toString('utf8');
}

describe('findBody', () => {
  it.each([
    ['in the usual place', '{"custom_id":"a","body":{"x":1}}', '{"x":1}'],
    ['first, with spaces everywhere', ' { "body" : { "x" : [ 1 , 2 ] } , "url" : "u" } ', '{ "x" : [ 1 , 2 ] }'],
    ['behind a string that looks like one', '{"a":"\\"body\\":{}","body":{"y":2}}', '{"y":2}'],
    ['behind a nested one', '{"a":{"body":{"no":1}},"body":{"yes":1}}', '{"yes":1}'],
    ['with escapes in the key', '{"bod\\u0079":{"x":1}}', '{"x":1}'],
    ['with braces in strings', '{"body":{"t":"}]{[\\\\"},"z":1}', '{"t":"}]{[\\\\"}'],
    [
      'with characters of several bytes before it',
      '{"custom_id":"Zürich 東京 🚆","body":{"q":"日本"}}',
      '{"q":"日本"}',
    ],
    ['a bare number', '{"body":12.5e3}', '12.5e3'],
    ['a bare word before more', '{"body":null ,"z":1}', 'null'],
    ['a string', '{"body":"text"}', '"text"'],
  ])('finds a body that is %s', (_, line, body) => {
    expect(bodyText(line)).toBe(body);
  });

  it('takes the last of several, as JSON.parse does', () => {
    expect(bodyText('{"body":{"first":1},"body":{"last":2}}')).toBe('{"last":2}');
  });

  it('finds none where there is none', () => {
    expect(bodyText('{"a":{"body":1}}')).toBeNull();
    expect(bodyText('{}')).toBeNull();
  });

  it('tells how deep the body is', () => {
    expect(findBody('{"body":{"a":[[1]]}}')!.depth).toBe(3);
    expect(findBody('{"body":1}')!.depth).toBe(0);
  });

  it('does not mind depth', () => {
    const deep = '['.repeat(100_000) + ']'.repeat(100_000);
    expect(findBody(`{"body":${deep}}`)!.depth).toBe(100_000);
  });

  it('cuts out of any JSON what JSON.parse sees in it', () => {
    const key = fc.oneof(fc.constant('body'), fc.string({ unit: 'binary' }));
    const space = fc.constantFrom(undefined, 1, '\t');
    fc.assert(
      fc.property(fc.dictionary(key, fc.jsonValue()), fc.jsonValue(), space, (fields, body, indent) => {
        const line = JSON.stringify({ ...fields, body }, null, indent);
        expect(JSON.parse(bodyText(line)!)).toEqual((JSON.parse(line) as { body: unknown }).body);
      }),
    );
  });
});
