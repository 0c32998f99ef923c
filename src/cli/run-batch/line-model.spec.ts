import { describe, expect, it } from 'vitest';
import { withModel } from './line-model.js';

const put = (line: string) => withModel(Buffer.from(line), 'tiny', 7).toString();

describe('a model for a line', () => {
  it.each([
    ['{"body":{"n":12345678901234567890}}', '{"body":{"model":"tiny","n":12345678901234567890}}'],
    ['{ "body" : { } , "custom_id":"ä" }', '{ "body" : {"model":"tiny" } , "custom_id":"ä" }'],
    ['{"custom_id":"ö","body":{"x":"ü"}}', '{"custom_id":"ö","body":{"model":"tiny","x":"ü"}}'],
    ['{"body":{"model":"tiny","n":1.0}}', '{"body":{"model":"tiny","n":1.0}}'],
  ])('%s becomes %s', (line, expected) => {
    expect(put(line)).toBe(expected);
  });

  it.each([
    ['{"body":{"model":"large"}}', 'Line 7 asks for the model "large"'],
    ['{"body":{"model":null}}', 'Line 7 asks for the model null'],
    ['{"body":[]}', "Line 7 has no object 'body'"],
    ['{}', "Line 7 has no object 'body'"],
    ['7', "Line 7 has no object 'body'"],
    ['{"body":', 'Line 7 is not JSON'],
  ])('%s is refused: %s', (line, words) => {
    expect(() => put(line)).toThrow(words);
  });
});
