import { describe, expect, it } from 'vitest';
import { TASK_STATE_CODE, type TaskState } from '../../kernel/task-state.js';
import { resultObject, type RecordedResult } from './result-object.js';

const result = (state: TaskState, over: Partial<RecordedResult> = {}): RecordedResult => ({
  state: TASK_STATE_CODE[state],
  statusCode: null,
  requestId: null,
  body: null,
  errorCode: null,
  errorMessage: null,
  ...over,
});

describe('a result object', () => {
  it('holds the body as it was written', () => {
    const body = '{"n": 12345678901234567890, "s":"\\u00fc"}';
    const text = resultObject('task_1', result('completed', { statusCode: 200, requestId: 'req"1', body }));
    expect(text).toBe(`{"status_code":200,"request_id":"req\\"1","body":${body}}`);
    expect(JSON.parse(text)).toMatchObject({ request_id: 'req"1' });
  });

  it('holds what its worker said beside the body, or without one', () => {
    const of = (body: string) => resultObject('task_1', result('completed', { statusCode: 200, body }));
    expect(of(',"body":[1],"error":{"code":"k"}')).toBe(
      '{"status_code":200,"request_id":"task_1","body":[1],"error":{"code":"k"}}',
    );
    expect(of(',"error":"oops"')).toBe('{"status_code":200,"request_id":"task_1","error":"oops"}');
  });

  it('names the task when nobody named the request', () => {
    const text = resultObject('task_1', result('completed', { statusCode: 408 }));
    expect(JSON.parse(text)).toEqual({ status_code: 408, request_id: 'task_1' });
  });

  it.each([
    ['failed', 500],
    ['expired', 408],
    ['cancelled', 499],
  ] as const)('of a task that %s without an answer says why', (state, status_code) => {
    const why = { errorCode: 'x', errorMessage: 'y' };
    expect(JSON.parse(resultObject('task_1', result(state, why)))).toEqual({
      status_code,
      request_id: 'task_1',
      error: { code: 'x', message: 'y' },
    });
    // A worker's own word is no time-out of the server's.
    expect(JSON.parse(resultObject('task_1', result('failed', { errorCode: 'timeout' })))).toMatchObject({
      status_code: 500,
    });
    const error = { code: 'no_answer', message: 'The task ended without an answer.' };
    expect(JSON.parse(resultObject('task_1', result(state)))).toEqual({ status_code, request_id: 'task_1', error });
  });
});
