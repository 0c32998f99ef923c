import { describe, expect, it } from 'vitest';
import { MillraceError } from '../../kernel/errors.js';
import { AnyField, ChoiceField, IntegerField, NestedField, TextField, TextMapField } from './field.decorators.js';
import { ValidationPipe } from './validation.pipe.js';

class ExpiryDto {
  @ChoiceField(['created_at'], { about: 'From when.' })
  anchor: string;

  @IntegerField({ about: 'How long.', min: 10, max: 20 })
  seconds: number;
}

class OrderDto {
  @TextField({ about: 'What.', minLength: 1, maxLength: 5 })
  dish: string;

  @ChoiceField(['rare', 'medium', 'done'], { about: 'How.', isOptional: true })
  how?: string;

  @IntegerField({ about: 'How many.', min: 1, max: 9, isOptional: true })
  count?: number;

  @TextMapField({ about: 'Notes.', maxPairs: 2, maxKeyLength: 3, maxValueLength: 4, isOptional: true })
  notes?: Record<string, string>;

  @NestedField(ExpiryDto, { about: 'Until when.', isOptional: true })
  expiry?: ExpiryDto;

  @AnyField({ about: 'Whatever.', isOptional: true })
  data?: unknown;
}

const pipe = new ValidationPipe();
const check = (body: unknown) => pipe.transform(body, { type: 'body', metatype: OrderDto }) as OrderDto;

function refusalOf(body: unknown): { code: string; message: string; param: string | null } {
  try {
    check(body);
  } catch (error) {
    if (error instanceof MillraceError) return { code: error.code, message: error.message, param: error.param };
    throw error;
  }
  throw new Error('it was accepted');
}

describe('a body', () => {
  it('becomes an instance of its class, and what is in its fields is not copied', () => {
    const data = { deep: [{ big: true }] };
    const order = check({ dish: 'soup', how: 'done', count: 2, notes: { a: 'b' }, data });
    expect(order).toBeInstanceOf(OrderDto);
    expect(order.data).toBe(data);
    expect(order).toEqual({ dish: 'soup', how: 'done', count: 2, notes: { a: 'b' }, data });
  });

  it('may leave out what is optional, or say null', () => {
    expect(check({ dish: 'soup' })).toEqual({ dish: 'soup' });
    expect(check({ dish: 'soup', how: null, expiry: null })).toMatchObject({ how: null, expiry: null });
  });

  it('loses what is not declared, also what would stand for something of the class', () => {
    const order = check(JSON.parse('{"dish":"soup","constructor":1,"toString":2,"more":3,"__proto__":{"x":1}}'));
    expect(JSON.parse(JSON.stringify(order))).toEqual({ dish: 'soup' });
    expect(Object.getPrototypeOf(order)).toBe(OrderDto.prototype);
  });

  it('has its objects checked too', () => {
    const order = check({ dish: 'soup', expiry: { anchor: 'created_at', seconds: 10, more: 1 } });
    expect(order.expiry).toBeInstanceOf(ExpiryDto);
    expect(order.expiry).toEqual({ anchor: 'created_at', seconds: 10 });
  });
});

describe('a refusal', () => {
  const WORDS = "Supported values are: 'rare', 'medium' and 'done'.";

  it.each([
    [undefined, 'missing_required_parameter', "Missing required parameter: 'dish'.", 'dish'],
    [{}, 'missing_required_parameter', "Missing required parameter: 'dish'.", 'dish'],
    [[], 'invalid_type', "Invalid type for 'body': expected an object, but got an array instead.", 'body'],
    ['text', 'invalid_type', "Invalid type for 'body': expected an object, but got a string instead.", 'body'],
    [null, 'invalid_type', "Invalid type for 'body': expected an object, but got null instead.", 'body'],
    [{ dish: 7 }, 'invalid_type', "Invalid type for 'dish': expected a string, but got an integer instead.", 'dish'],
    [{ dish: null }, 'invalid_type', "Invalid type for 'dish': expected a string, but got null instead.", 'dish'],
    [{ dish: '' }, 'invalid_value', "Invalid 'dish': expected a string of at least 1 character.", 'dish'],
    [{ dish: 'a stew' }, 'invalid_value', "Invalid 'dish': expected a string of at most 5 characters.", 'dish'],
    [{ dish: 'soup', how: 'raw' }, 'invalid_value', `Invalid value: 'raw'. ${WORDS}`, 'how'],
    [
      { dish: 'soup', how: {} },
      'invalid_type',
      "Invalid type for 'how': expected one of 'rare', 'medium' or 'done', but got an object instead.",
      'how',
    ],
    [
      { dish: 'soup', count: 1.5 },
      'invalid_type',
      "Invalid type for 'count': expected an integer, but got a decimal number instead.",
      'count',
    ],
    [
      { dish: 'soup', count: '2' },
      'invalid_type',
      "Invalid type for 'count': expected an integer, but got a string instead.",
      'count',
    ],
    [
      { dish: 'soup', count: 0 },
      'integer_below_min_value',
      "Invalid 'count': integer below minimum value. Expected a value >= 1, but got 0 instead.",
      'count',
    ],
    [
      { dish: 'soup', count: 10 },
      'integer_above_max_value',
      "Invalid 'count': integer above maximum value. Expected a value <= 9, but got 10 instead.",
      'count',
    ],
    [
      { dish: 'soup', notes: 'x' },
      'invalid_type',
      "Invalid type for 'notes': expected an object, but got a string instead.",
      'notes',
    ],
    [
      { dish: 'soup', notes: { tags: [] } },
      'invalid_type',
      "Invalid type for 'notes.tags': expected a string, but got an array instead.",
      'notes.tags',
    ],
    [
      { dish: 'soup', notes: { a: '', b: '', c: '' } },
      'invalid_value',
      "Invalid 'notes': too many properties. Expected at most 2, but got 3 instead.",
      'notes',
    ],
    [
      { dish: 'soup', notes: { long: '' } },
      'invalid_value',
      "Invalid 'notes': a key has at most 3 characters.",
      'notes',
    ],
    [
      { dish: 'soup', notes: { a: '12345' } },
      'invalid_value',
      "Invalid 'notes.a': a value has at most 4 characters.",
      'notes.a',
    ],
    [
      { dish: 'soup', expiry: 5 },
      'invalid_type',
      "Invalid type for 'expiry': expected an object, but got an integer instead.",
      'expiry',
    ],
    [
      { dish: 'soup', expiry: {} },
      'missing_required_parameter',
      "Missing required parameter: 'expiry.anchor'.",
      'expiry.anchor',
    ],
    [
      { dish: 'soup', expiry: { anchor: 'created_at', seconds: true } },
      'invalid_type',
      "Invalid type for 'expiry.seconds': expected an integer, but got a boolean instead.",
      'expiry.seconds',
    ],
  ])('of %j', (body, code, message, param) => {
    expect(refusalOf(body)).toEqual({ code, message, param });
  });

  it('repeats no more than the beginning of a long value', () => {
    expect(refusalOf({ dish: 'soup', how: 'x'.repeat(10_000) }).message.length).toBeLessThan(250);
  });
});
