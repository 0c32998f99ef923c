import { describe, expect, it } from 'vitest';
import { bodyOf, errorOf, fieldsOf, keptWith } from './kept-answer.js';

const BODY = '{ "n": 12345678901234567890, "error": 1 }';

describe('an answer that is kept', () => {
  it.each(['{"a":1}', BODY, '[1]', '",x"', '7', 'null', 'true'])('is its body: %s', (body) => {
    expect([bodyOf(body), errorOf(body), fieldsOf(body)]).toEqual([body, null, `,"body":${body}`]);
  });

  it('may hold more than a body, which stays as it was written', () => {
    const kept = keptWith(BODY, ['"error":{"code":"k"}', '"extra":true']);
    expect([bodyOf(kept), errorOf(kept)]).toEqual([BODY, { code: 'k' }]);
    expect(fieldsOf(kept)).toBe(`,"body":${BODY},"error":{"code":"k"},"extra":true`);
  });

  it('without a body is all that was said', () => {
    const kept = keptWith(null, ['"error":"oops"', '"n":[1]']);
    expect([bodyOf(kept), errorOf(kept)]).toEqual(['{"error":"oops","n":[1]}', 'oops']);
    expect(fieldsOf(kept)).toBe(',"error":"oops","n":[1]');
  });

  it.each(['"stream":true', '"error":false', '"error":""'])('and says %s, says nothing of an error', (more) => {
    expect(errorOf(keptWith('1', [more]))).toBeNull();
  });
});
