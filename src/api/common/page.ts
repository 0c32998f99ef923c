/** Lists as OpenAI cuts them: pages that start after an id, and say whether there is more. */
import { applyDecorators } from '@nestjs/common';
import { ApiQuery } from '@nestjs/swagger';
import { judgeInteger, wrongChoice, wrongType } from './field.decorators.js';

export interface Page<T> {
  object: 'list';
  data: T[];
  first_id: string | null;
  last_id: string | null;
  has_more: boolean;
}

export interface PageLimits {
  defaultLimit: number;
  maxLimit: number;
}

/** Query parameters as the framework gives them: text, or a list where one was given twice. */
export type Query = Readonly<Record<string, unknown>>;

export interface PageRequest {
  limit: number;
  /** The id after which the page starts, exclusive. */
  after: string | null;
}

/** `items` are those of this page; `hasMore` tells of items beyond it. */
export function toPage<T extends { id: string }>(items: T[], hasMore: boolean): Page<T> {
  return {
    object: 'list',
    data: items,
    first_id: items.at(0)?.id ?? null,
    last_id: items.at(-1)?.id ?? null,
    has_more: hasMore,
  };
}

/** `limit` and `after` of a query, or a refusal that names the wrong one. */
export function readPageRequest(query: Query, { defaultLimit, maxLimit }: PageLimits): PageRequest {
  return {
    limit: readInteger(query, 'limit', { min: 1, max: maxLimit }) ?? defaultLimit,
    after: readText(query, 'after'),
  };
}

/** An empty value is as good as none. */
export function readText(query: Query, name: string): string | null {
  const value = query[name];
  if (value === undefined || value === '') return null;
  if (typeof value !== 'string') throw wrongType(name, 'a string', value);
  return value;
}

/** The first of `words` if there is none. */
export function readChoice<W extends string>(query: Query, name: string, words: readonly [W, ...W[]]): W {
  const value = readText(query, name);
  if (value === null) return words[0];
  if (!words.includes(value as W)) throw wrongChoice(name, value, words);
  return value as W;
}

/** Null if there is none; the bounds are inclusive. */
export function readInteger(query: Query, name: string, bounds: { min: number; max: number }): number | null {
  const text = readText(query, name);
  if (text === null) return null;
  if (!/^-?\d{1,15}$/.test(text)) throw wrongType(name, 'an integer', text);
  const refusal = judgeInteger(Number(text), name, bounds);
  if (refusal !== null) throw refusal;
  return Number(text);
}

/** Documents the parameters that `readPageRequest` reads. */
export function ApiPageQuery({ defaultLimit, maxLimit }: PageLimits): MethodDecorator {
  const integer = { type: 'integer', minimum: 1, maximum: maxLimit, default: defaultLimit } as const;
  return applyDecorators(
    ApiQuery({ name: 'limit', required: false, description: 'How many to return at most.', schema: integer }),
    ApiQuery({
      name: 'after',
      required: false,
      description: 'The id of the last one of the page before; the page starts after it.',
      schema: { type: 'string' },
    }),
  );
}
