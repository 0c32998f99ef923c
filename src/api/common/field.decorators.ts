/**
 * One decorator per kind of field of a request body. It says everything about the field in one place: what is allowed
 * (class-validator) with the sentence for whoever sent something else, and how it is documented (OpenAPI).
 */
import { applyDecorators } from '@nestjs/common';
import { ApiProperty, type ApiPropertyOptions } from '@nestjs/swagger';
import { IsOptional, ValidateBy, ValidateNested } from 'class-validator';
import { counted } from '../../kernel/counted.js';
import { MillraceError } from '../../kernel/errors.js';
import type { ErrorCode } from '../../kernel/error-catalog.js';

export interface FieldDocumentation {
  /** What the field is for, in one sentence. */
  about: string;
  example?: unknown;
  /** The field may be left out or null. */
  isOptional?: boolean;
}

/** What is wrong with a value, or null. `path` is the field's name in dots from the root of the body. */
export type Judge = (value: unknown, path: string) => MillraceError | null;

/** Makes a fresh instance of a body's class; see `NestedField`. */
export type FieldType = new () => object;

/** The name of our rule among class-validator's. */
export const FIELD_RULE = 'field';

/** What the ValidationPipe finds beside a field's rule. */
export interface FieldContext {
  judge: Judge;
  /** The class of an object whose fields are declared in turn. */
  nested: FieldType | null;
}

/** Text. Lengths are in characters. */
export function TextField({
  minLength = 0,
  maxLength = Infinity,
  ...documentation
}: FieldDocumentation & { minLength?: number; maxLength?: number }): PropertyDecorator {
  return field(documentation, { type: String }, (value, path) => {
    if (typeof value !== 'string') return wrongType(path, 'a string', value);
    if (!isStorable(value)) return unstorable(path);
    if (value.length >= minLength && value.length <= maxLength) return null;
    const [word, bound] = value.length < minLength ? ['least', minLength] : ['most', maxLength];
    return refuse(
      'invalid_value',
      `Invalid '${path}': expected a string of at ${word} ${counted(bound, 'character')}.`,
      path,
    );
  });
}

/** Text of a certain form. `expected` says which, as the end of a sentence; what was sent instead is not repeated. */
export function FormField({
  isFit,
  expected,
  ...documentation
}: FieldDocumentation & { isFit: (text: string) => boolean; expected: string }): PropertyDecorator {
  return field(documentation, { type: String }, (value, path) => {
    if (typeof value !== 'string') return wrongType(path, 'a string', value);
    return isFit(value) ? null : refuse('invalid_value', `Invalid '${path}': expected ${expected}.`, path);
  });
}

/** A list of different texts, or of different ones of a few words. */
export function TextListField({
  maxItems,
  maxLength,
  words,
  ...documentation
}: FieldDocumentation & TextListBounds): PropertyDecorator {
  const schema: ApiPropertyOptions = {
    type: String,
    isArray: true,
    ...(words === undefined ? {} : { enum: [...words] }),
  };
  return field(documentation, schema, (value, path) => {
    if (!Array.isArray(value)) return wrongType(path, 'an array', value);
    if (value.length > maxItems) return tooMany(path, maxItems);
    for (const [index, item] of value.entries()) {
      const place = `${path}.${index}`;
      if (typeof item !== 'string') return wrongType(place, 'a string', item ?? null);
      if (words !== undefined && !words.includes(item)) return wrongChoice(place, item, words);
      if (item === '') return refuse('invalid_value', `Invalid '${place}': expected some text.`, place);
      if (!isStorable(item)) return unstorable(place);
      if (item.length > maxLength) return tooLong(path, 'an item', maxLength);
      if (value.indexOf(item) < index) {
        return refuse('invalid_value', `Invalid '${place}': '${shorten(item)}' is in the list twice.`, place);
      }
    }
    return null;
  });
}

interface TextListBounds {
  maxItems: number;
  maxLength: number;
  /** The items that are allowed; left out, any. */
  words?: readonly string[];
}

/** One of a few words. */
export function ChoiceField(words: readonly string[], documentation: FieldDocumentation): PropertyDecorator {
  return field(documentation, { type: String, enum: [...words] }, (value, path) => {
    if (typeof value !== 'string') return wrongType(path, `one of ${quotedList(words, 'or')}`, value);
    return words.includes(value) ? null : wrongChoice(path, value, words);
  });
}

/** A whole number; the bounds are inclusive. */
export function IntegerField({
  min,
  max,
  ...documentation
}: FieldDocumentation & { min: number; max: number }): PropertyDecorator {
  return field(documentation, { type: 'integer', minimum: min, maximum: max }, (value, path) => {
    if (!Number.isInteger(value)) return wrongType(path, 'an integer', value);
    return judgeInteger(value as number, path, { min, max });
  });
}

export function BooleanField(documentation: FieldDocumentation): PropertyDecorator {
  return field(documentation, { type: Boolean }, (value, path) =>
    typeof value === 'boolean' ? null : wrongType(path, 'true or false', value),
  );
}

/** A map of at most `maxPairs` short texts, as OpenAI's `metadata`. */
export function TextMapField({
  maxPairs,
  maxKeyLength,
  maxValueLength,
  ...documentation
}: FieldDocumentation & TextMapBounds): PropertyDecorator {
  const schema: ApiPropertyOptions = { type: 'object', additionalProperties: { type: 'string' } };
  return field(documentation, schema, (value, path) => {
    if (!isObject(value)) return wrongType(path, 'an object', value);
    const pairs = Object.entries(value);
    if (pairs.length > maxPairs) {
      const text = `Invalid '${path}': too many properties. Expected at most ${maxPairs}, but got ${pairs.length} instead.`;
      return refuse('invalid_value', text, path);
    }
    for (const [key, text] of pairs) {
      const place = `${path}.${key}`;
      if (typeof text !== 'string') return wrongType(place, 'a string', text);
      if (!isStorable(key)) return unstorable(path);
      if (!isStorable(text)) return unstorable(place);
      if (key.length > maxKeyLength) return tooLong(path, 'a key', maxKeyLength);
      if (text.length > maxValueLength) return tooLong(place, 'a value', maxValueLength);
    }
    return null;
  });
}

interface TextMapBounds {
  maxPairs: number;
  maxKeyLength: number;
  maxValueLength: number;
}

/** An object with declared fields of its own. */
export function NestedField(type: FieldType, documentation: FieldDocumentation): PropertyDecorator {
  const judge: Judge = (value, path) => (isObject(value) ? null : wrongType(path, 'an object', value));
  return field(documentation, { type: () => type }, judge, type);
}

/**
 * A list of objects, documented by their class. What is in them is for their reader to judge: a long list is read once, item
 * by item, and not looked through before.
 */
export function ObjectListField(
  type: FieldType,
  { maxItems, ...documentation }: FieldDocumentation & { maxItems: number },
): PropertyDecorator {
  return field(documentation, { type: () => type, isArray: true, maxItems }, (value, path) => {
    if (!Array.isArray(value)) return wrongType(path, 'an array', value);
    if (value.length > maxItems) return tooMany(path, maxItems);
    const wrong = value.findIndex((item) => !isObject(item));
    return wrong < 0 ? null : wrongType(`${path}.${wrong}`, 'an object', value[wrong] ?? null);
  });
}

const closed = new WeakSet<object>();

/**
 * For bodies whose senders should learn of a field that is not known, rather than believe that it did something: settings,
 * where it is a typing error, or of a newer version.
 */
export function RefuseUnknownFields(): ClassDecorator {
  return (type) => void closed.add(type);
}

export function refusesUnknownFields(type: FieldType): boolean {
  return closed.has(type);
}

/** A field with a rule of its own, in sentences of its own: some clients know theirs by heart. `schema`: OpenAPI's. */
export function RuleField(
  judge: Judge,
  { schema, ...documentation }: FieldDocumentation & { schema: ApiPropertyOptions },
): PropertyDecorator {
  return field(documentation, schema, judge);
}

/** Any JSON value, taken as it is and never looked into. */
export function AnyField(documentation: FieldDocumentation): PropertyDecorator {
  return field(documentation, { type: 'object', additionalProperties: true }, () => null);
}

function field(
  { about, example, isOptional = false }: FieldDocumentation,
  schema: ApiPropertyOptions,
  judge: Judge,
  nested: FieldType | null = null,
): PropertyDecorator {
  const property = {
    ...schema,
    description: about,
    required: !isOptional,
    ...(isOptional ? { nullable: true } : {}),
    ...(example === undefined ? {} : { example }),
  };
  const context: FieldContext = { judge, nested };
  // The message only has to be there: class-validator drops the context of an error without one.
  const validator = { validate: (value: unknown) => judge(value, '') === null, defaultMessage: () => FIELD_RULE };
  return applyDecorators(
    ApiProperty(property as ApiPropertyOptions),
    ...(isOptional ? [IsOptional()] : []),
    ...(nested === null ? [] : [ValidateNested({ context })]),
    ValidateBy({ name: FIELD_RULE, validator }, { context }),
  );
}

/** An optional field that is neither left out nor null. */
export function isGiven<T>(value: T | null | undefined): value is T {
  return value !== undefined && value !== null;
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function unknownField(path: string): MillraceError {
  return refuse('unknown_parameter', `Unknown parameter: '${shorten(path)}'.`, shorten(path));
}

/** `Invalid type for 'x': expected a string, but got an array instead.` A value that is not there is missing. */
export function wrongType(path: string, expected: string, value: unknown): MillraceError {
  if (value === undefined) return refuse('missing_required_parameter', `Missing required parameter: '${path}'.`, path);
  return refuse(
    'invalid_type',
    `Invalid type for '${path}': expected ${expected}, but got ${kindOf(value)} instead.`,
    path,
  );
}

/** `Invalid value: 'x'. Supported values are: 'a', 'b' and 'c'.` */
export function wrongChoice(path: string, value: string, words: readonly string[]): MillraceError {
  const text = `Invalid value: '${shorten(value)}'. Supported values are: ${quotedList(words, 'and')}.`;
  return refuse('invalid_value', text, path);
}

/** Null when `value` lies within the bounds. */
export function judgeInteger(
  value: number,
  path: string,
  { min, max }: { min: number; max: number },
): MillraceError | null {
  const wrong = (code: ErrorCode, where: string, bound: string) =>
    refuse(
      code,
      `Invalid '${path}': integer ${where} value. Expected a value ${bound}, but got ${value} instead.`,
      path,
    );
  if (value < min) return wrong('integer_below_min_value', 'below minimum', `>= ${min}`);
  return value > max ? wrong('integer_above_max_value', 'above maximum', `<= ${max}`) : null;
}

/** Halves of characters cannot be kept: they would come back as something else. NUL ends a text for many who read it. */
function isStorable(text: string): boolean {
  return text.isWellFormed() && !text.includes('\0');
}

function unstorable(path: string): MillraceError {
  return refuse('invalid_value', `Invalid '${path}': it holds a NUL character or half of a surrogate pair.`, path);
}

function tooLong(path: string, what: string, maxLength: number): MillraceError {
  return refuse('invalid_value', `Invalid '${path}': ${what} has at most ${counted(maxLength, 'character')}.`, path);
}

function tooMany(path: string, maxItems: number): MillraceError {
  return refuse('invalid_value', `Invalid '${path}': at most ${counted(maxItems, 'item')}.`, path);
}

function refuse(code: ErrorCode, message: string, param: string): MillraceError {
  return new MillraceError(code, message, { param });
}

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'number') return Number.isInteger(value) ? 'an integer' : 'a decimal number';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

function quotedList(words: readonly string[], conjunction: string): string {
  const quoted = words.map((word) => `'${word}'`);
  return quoted.length < 2 ? quoted.join('') : `${quoted.slice(0, -1).join(', ')} ${conjunction} ${quoted.at(-1)}`;
}

/** What is repeated to the caller of something that may be of any length. */
function shorten(text: string): string {
  return text.length > 100 ? `${text.slice(0, 100)}…` : text;
}
