import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compacted, findField, findItems } from './json-span.js';

const textOf = (text: string, name: string, from?: number) => {
  const span = findField(text, name, from);
  return span === null ? null : text.slice(span.start, span.end);
};

describe('a field', () => {
  it.each([
    ['{"data":{"n":12345678901234567890}}', '{"n":12345678901234567890}'],
    [' {\n "a" : [1, {"data": 2}] ,\t"data" :\n[ 1 , 2 ] }', '[ 1 , 2 ]'],
    ['{"data":"}\\\\","b":1}', '"}\\\\"'],
    ['{"data":"a\\"b"}', '"a\\"b"'],
    ['{"data":1,"data":true}', 'true'],
    ['{"d\\u0061ta":-1.5e3}', '-1.5e3'],
    ['{"data":null}', 'null'],
    ['{"x":{"data":1}}', null],
    ['{}', null],
    ['7', null],
    ['[]', null],
    ['"data"', null],
  ])('is found in %s', (text, expected) => {
    expect(textOf(text, 'data')).toBe(expected);
  });

  it('is found in an object inside another', () => {
    const text = '{"tasks":[{"data":{"a":1}},{"data":{"b":[2]}}]}';
    const items = findItems(text, findField(text, 'tasks')!.start);
    expect(items.map(({ start }) => textOf(text, 'data', start))).toEqual(['{"a":1}', '{"b":[2]}']);
  });

  it('is not sought for ever in what is no JSON', () => {
    expect(() => findField('{"data', 'data')).toThrow('not valid JSON');
    expect(textOf('{"data":7', 'data')).toBe('7');
  });

  it('tells how deep its value is', () => {
    expect(findField('{"data":[[{}]]}', 'data')!.depth).toBe(3);
    expect(findField('{"data":7}', 'data')!.depth).toBe(0);
  });
});

describe('items', () => {
  it.each([
    ['[]', []],
    [' [ ] ', []],
    ['[1]', ['1']],
    ['[ {"a":[1,2]} , "]," ,null, [] ]', ['{"a":[1,2]}', '"],"', 'null', '[]']],
  ])('are found in %s', (text, expected) => {
    expect(findItems(text).map(({ start, end }) => text.slice(start, end))).toEqual(expected);
  });
});

describe('compacted', () => {
  it.each([
    ['{"a":"b c","n":12345678901234567890}', '{"a":"b c","n":12345678901234567890}'],
    [' {\n "a" : [1,\t{"b" : "  x \\" y  "} ] ,"c":\r\n -1.5e3 }\n', '{"a":[1,{"b":"  x \\" y  "}],"c":-1.5e3}'],
    ['"a \\\\"', '"a \\\\"'],
    [' 7 ', '7'],
  ])('%j has no white space but that in its strings', (text, expected) => {
    expect(compacted(text)).toBe(expected);
  });

  it('is the same value, whatever it is', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(0, 1, 4), (value, indent) => {
        expect(compacted(JSON.stringify(value, null, indent))).toBe(JSON.stringify(value));
      }),
    );
  });
});
