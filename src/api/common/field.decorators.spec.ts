import { describe, expect, it } from 'vitest';
import { MillraceError } from '../../kernel/errors.js';
import { FormField, NestedField, RefuseUnknownFields, TextListField } from './field.decorators.js';
import { ValidationPipe } from './validation.pipe.js';

@RefuseUnknownFields()
class InnerDto {
  @TextListField({ about: 'Words.', words: ['a', 'b', 'c'], maxItems: 2, maxLength: 9, isOptional: true })
  words?: string[] | null;
}

@RefuseUnknownFields()
class SettingsDto {
  @FormField({ about: 'Digits.', isFit: (text) => /^\d+$/.test(text), expected: 'digits', isOptional: true })
  digits?: string | null;

  @TextListField({ about: 'Any.', maxItems: 2, maxLength: 3, isOptional: true })
  any?: string[] | null;

  @NestedField(InnerDto, { about: 'More.', isOptional: true })
  inner?: InnerDto | null;
}

@RefuseUnknownFields()
class MoreSettingsDto extends SettingsDto {}

const pipe = new ValidationPipe();
const check = (body: unknown, metatype: new () => SettingsDto = SettingsDto) =>
  pipe.transform(body, { type: 'body', metatype }) as SettingsDto;

function refusalOf(body: unknown): unknown[] {
  try {
    check(body, MoreSettingsDto);
  } catch (error) {
    if (error instanceof MillraceError) return [error.code, error.param, error.message];
    throw error;
  }
  throw new Error('it was accepted');
}

describe('settings', () => {
  it('are taken as they are', () => {
    const body = { digits: '007', any: ['x', 'abc'], inner: { words: ['c', 'a'] } };
    expect(check(body)).toEqual(body);
    expect(check({ any: [], inner: {} })).toEqual({ any: [], inner: {} });
    expect(check({ digits: null, any: null, inner: null })).toEqual({ digits: null, any: null, inner: null });
  });

  it.each([
    [{ digits: 'sk-secret' }, 'invalid_value', 'digits', "Invalid 'digits': expected digits."],
    [
      { digits: 7 },
      'invalid_type',
      'digits',
      "Invalid type for 'digits': expected a string, but got an integer instead.",
    ],
    [{ any: 'x' }, 'invalid_type', 'any', "Invalid type for 'any': expected an array, but got a string instead."],
    [{ any: ['x', 'y', 'z'] }, 'invalid_value', 'any', "Invalid 'any': at most 2 items."],
    [{ any: ['long'] }, 'invalid_value', 'any', "Invalid 'any': an item has at most 3 characters."],
    [{ any: ['x', ''] }, 'invalid_value', 'any.1', "Invalid 'any.1': expected some text."],
    [{ any: ['x', 'x'] }, 'invalid_value', 'any.1', "Invalid 'any.1': 'x' is in the list twice."],
    [{ any: [[]] }, 'invalid_type', 'any.0', "Invalid type for 'any.0': expected a string, but got an array instead."],
    [
      { inner: { words: ['a', 'd'] } },
      'invalid_value',
      'inner.words.1',
      "Invalid value: 'd'. Supported values are: 'a', 'b' and 'c'.",
    ],
    [{ digit: '7' }, 'unknown_parameter', 'digit', "Unknown parameter: 'digit'."],
    [{ inner: { word: [] } }, 'unknown_parameter', 'inner.word', "Unknown parameter: 'inner.word'."],
    [{ constructor: 1 }, 'unknown_parameter', 'constructor', "Unknown parameter: 'constructor'."],
  ])('are refused as %j', (body, code, param, message) => {
    expect(refusalOf(body)).toEqual([code, param, message]);
  });

  it('repeat no more than the beginning of a long name', () => {
    expect(String(refusalOf({ ['x'.repeat(9_999)]: 1 })).length).toBeLessThan(400);
  });
});
