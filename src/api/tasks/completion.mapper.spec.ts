import { describe, expect, it } from 'vitest';
import { parseJson } from '../common/json-body.js';
import { toCompletion, toListedCompletion } from './completion.mapper.js';
import { partOfBody, partsOfField } from './json-part.js';
import { leaseTokenOf } from './lease-token.js';

const ID = 'task_0198f3a2c4d57b1e8a3f5c6d7e8f9a0b';
const BODY = '{ "n": 12345678901234567890, "x": 1.10, "t": "\\u00e9\\"}" , "body": [ ] }';

const partOf = (text: string) => partOfBody(parseJson(Buffer.from(text)).value as object, text);
const read = (text: string, token: string | null = null) => toCompletion(ID, partOf(text), token);

describe('an answer', () => {
  it('is kept as it was written', () => {
    expect(read(`{"status_code": 200, "body" : ${BODY} , "request_id":"r"}`)).toEqual({
      taskId: ID,
      epoch: null,
      statusCode: 200,
      requestId: 'r',
      body: BODY,
      usage: null,
    });
    expect(read(` ${BODY.replace('"body"', '"other"')} `).body).toBe(BODY.replace('"body"', '"other"'));
  });

  it('of many is cut from its own place', () => {
    const items = [BODY, '"body"', '7'].map(
      (body, n) => `{"task_id":"t${n}", "result":{"request_id":"x","body":${body}}}`,
    );
    const parts = partsOfField(partOf(`{"completions": [${items.join(' , ')}]}`), 'completions');
    expect(parts.map(toListedCompletion).map(({ taskId, body }) => [taskId, body])).toEqual([
      ['t0', BODY],
      ['t1', '"body"'],
      ['t2', '7'],
    ]);
  });

  it('counts the last of two bodies, as a parser does', () => {
    expect(read('{"body":1,"body":2}').body).toBe('2');
  });

  it('without a body is the rest', () => {
    expect(read('{"status_code":500,"a":{"b":1},"body":null}').body).toBe('{"a":{"b":1}}');
    expect(read('{"status_code":204}').body).toBe('{}');
    expect(read('{"status_code":200,"body":null}').body).toBe('null');
    expect(read(`{"status_code":200, "a" : ${BODY}}`).body).toBe(`{"a":${BODY}}`);
    expect(read('{}').body).toBe('{}');
  });

  it('is kept with all that is said beside it', () => {
    const said = '"request_id":"r","error":{"code":"k"},"none":null,"stream":true';
    expect(read(`{"status_code":200,${said},"body":${BODY}}`).body).toBe(
      `,"body":${BODY},"error":{"code":"k"},"stream":true`,
    );
    expect(read(`{${said}}`)).toMatchObject({
      statusCode: 200,
      body: ',"error":{"code":"k"},"none":null,"stream":true',
    });
    expect(read(`{"body":${BODY},"error":null}`).body).toBe(BODY);
    expect(read(`{"body":7, "error" : ${BODY} , "\\u0061\\"" : 1.10, "n":1e400}`).body).toBe(
      `,"body":7,"error":${BODY},"a\\"":1.10,"n":1e400`,
    );
    expect(read(`{"status_code":200,"error":${BODY}}`).body).toBe(`,"error":${BODY}`);
  });

  it('names its tokens, unless it is an error', () => {
    const usage = '{"usage":{"prompt_tokens":3,"completion_tokens":4}}';
    expect(read(`{"body":${usage}}`).usage).toMatchObject({ inputTokens: 3, outputTokens: 4, totalTokens: 7 });
    expect(read(`{"status_code":400,"body":${usage}}`).usage).toBeNull();
  });

  it.each([99, 600, 200.5, '20x', true, {}])(
    'of status %j is one of 500, or refused where there is a token',
    (status) => {
      const said = (token: object) => JSON.stringify({ status_code: status, request_id: 7, body: {}, ...token });
      expect(read(said({}))).toMatchObject({ statusCode: 500, requestId: '7', epoch: null });
      expect(() => read(said({ lease_token: leaseTokenOf(ID, 1) }))).toThrow("Invalid 'status_code'");
      expect(() => toListedCompletion(partOf(`{"task_id":"${ID}","result":${said({})}}`))).toThrow(
        "'result.status_code'",
      );
    },
  );

  it('goes by the token beside it, else by the one in it', () => {
    const [beside, inside] = [leaseTokenOf(ID, 2), leaseTokenOf(ID, 1)];
    expect(read(`{"lease_token":"${inside}","a":1}`)).toMatchObject({ epoch: 1, body: '{"a":1}' });
    expect(read(`{"lease_token":"${inside}"}`, beside).epoch).toBe(2);
  });
});
