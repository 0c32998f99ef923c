import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileToObject, compileToValues } from './compiled-fields.js';

describe('compiled fields', () => {
  it('read and make objects of any keys', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.string(), { maxLength: 40 }), fc.nat(3), (keys, from) => {
        const [toValues, toObject] = [compileToValues(keys), compileToObject(keys)];
        const values = keys.map((_, index) => `value ${index}`);
        const object = toObject([...new Array<unknown>(from), ...values, 'what follows'], from);
        expect(new Map(Object.entries(object))).toEqual(new Map(keys.map((key, index) => [key, values[index]])));
        expect(toValues(object)).toEqual(values);
      }),
      { examples: [[['__proto__', 'constructor', '"', '\u2028', '${x}'], 0]] },
    );
  });

  it('of an object that lacks some are undefined', () => {
    expect(compileToValues(['a', 'b'])({ b: 1 })).toEqual([undefined, 1]);
  });
});
