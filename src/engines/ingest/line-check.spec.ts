import { describe, expect, it } from 'vitest';
import { checkLine, MAX_BODY_DEPTH, MAX_CUSTOM_ID_LENGTH } from './line-check.js';

const ENDPOINT = '/v1/chat/completions';
const GOOD = {
  custom_id: 'a',
  method: 'POST',
  url: ENDPOINT,
  body: { model: 'm', messages: [{ role: 'user', content: 'hi' }] },
};

function check(line: object | string | Buffer): ReturnType<typeof checkLine> {
  const text = typeof line === 'string' || Buffer.isBuffer(line) ? line : JSON.stringify(line);
  return checkLine(Buffer.from(text as string), ENDPOINT);
}

/** `[code, param]` of everything that is wrong. */
function faults(line: object | string | Buffer): [string, string | null][] {
  return check(line).problems.map(({ code, param }) => [code, param]);
}

describe('checkLine', () => {
  it('gives what a task needs of a good line', () => {
    const line = JSON.stringify(GOOD);
    const start = line.indexOf('{"model"');
    const body = { start, end: line.length - 1, depth: 3 };
    expect(check(GOOD)).toEqual({ problems: [], customId: 'a', model: 'm', body });
  });

  it('takes a carriage return at the end for white space', () => {
    expect(check(`${JSON.stringify(GOOD)}\r`)).toMatchObject({ problems: [], customId: 'a' });
  });

  it.each([
    ['half a line', '{"custom_id":'],
    ['an array', '[1]'],
    ['a word', 'null'],
    ['two objects', '{}{}'],
  ])('refuses %s', (_, line) => {
    expect(faults(line)).toEqual([['invalid_json_line', null]]);
  });

  it('refuses bytes that are not UTF-8', () => {
    expect(faults(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]))).toEqual([['invalid_json_line', null]]);
  });

  it('names every missing field of a line at once', () => {
    expect(faults({})).toEqual([
      ['missing_required_parameter', 'custom_id'],
      ['missing_required_parameter', 'method'],
      ['missing_required_parameter', 'url'],
      ['missing_required_parameter', 'body'],
    ]);
  });

  it.each([
    ['a custom id that is a number', { custom_id: 7 }, 'invalid_type', 'custom_id'],
    ['an empty custom id', { custom_id: '' }, 'invalid_value', 'custom_id'],
    ['an overlong custom id', { custom_id: 'x'.repeat(MAX_CUSTOM_ID_LENGTH + 1) }, 'invalid_value', 'custom_id'],
    ['half a surrogate pair', { custom_id: '\ud800' }, 'invalid_value', 'custom_id'],
    ['a NUL character', { custom_id: 'a\0b' }, 'invalid_value', 'custom_id'],
    ['another method', { method: 'GET' }, 'invalid_method', 'method'],
    ['another endpoint', { url: '/v1/embeddings' }, 'invalid_url', 'url'],
    ['a body that is text', { body: 'x' }, 'invalid_type', 'body'],
    ['no model', { body: { messages: [] } }, 'invalid_request', 'body.model'],
    ['no messages', { body: { model: 'm' } }, 'invalid_request', 'body.messages'],
    ['streaming', { body: { ...GOOD.body, stream: true } }, 'streaming_unsupported', 'body.stream'],
  ])('refuses %s', (_, change, code, param) => {
    expect(faults({ ...GOOD, ...change })).toEqual([[code, param]]);
  });

  it('refuses a body that is nested too deep', () => {
    const deep = '['.repeat(MAX_BODY_DEPTH + 1) + ']'.repeat(MAX_BODY_DEPTH + 1);
    const line = JSON.stringify(GOOD).replace('"model"', `"deep":${deep},"model"`);
    expect(faults(line)).toEqual([['invalid_request', 'body']]);
  });

  it('is not taken in by a prototype', () => {
    const line = '{"__proto__":{"custom_id":"a","method":"POST","url":"/v1/chat/completions","body":{}}}';
    expect(faults(line).map(([code]) => code)).toEqual(Array(4).fill('missing_required_parameter'));
  });
});
