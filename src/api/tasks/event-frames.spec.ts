import { describe, expect, it } from 'vitest';
import { endFrame, eventFrame } from './event-frames.js';
import { answerOf, NOT_IN_TIME } from './task-answers.js';
import type { TaskEnd } from '../../modules/tasks/task-requests.js';

const frame = (data: string, over: { id?: string | null; name?: string | null } = {}) =>
  eventFrame({ n: 7, id: null, name: null, data, ...over });

describe('the frame of an event', () => {
  it.each([
    ['{"a":1}', 'id:7\ndata:{"a":1}\n\n'],
    [
      '{ "a" : [ 1 , "x  y" ] ,\n "n": 12345678901234567890 }',
      'id:7\ndata:{"a":[1,"x  y"],"n":12345678901234567890}\n\n',
    ],
    ['{"a":"\\" {\\\\"}', 'id:7\ndata:{"a":"\\" {\\\\"}\n\n'],
    ['"hello"', 'id:7\ndata:hello\n\n'],
    ['"data: {\\"a\\": 1} "', 'id:7\ndata:{"a": 1}\n\n'],
    ['"[DONE]"', 'id:7\ndata:[DONE]\n\n'],
    ['"one\\ntwo\\r\\nthree"', 'id:7\ndata:one\ndata:two\ndata:three\n\n'],
    ['""', 'id:7\ndata:\n\n'],
    ['null', 'id:7\ndata:null\n\n'],
    ['7', 'id:7\ndata:7\n\n'],
  ])('with %s', (data, expected) => {
    expect(frame(data)).toBe(expected);
  });

  it('has the id and name that its maker gave it', () => {
    expect(frame('1', { id: 'e-1', name: 'message' })).toBe('id:e-1\nevent:message\ndata:1\n\n');
    expect(frame('1', { id: 'a\nb', name: 'c\r\0d' })).toBe('id:a b\nevent:c  d\ndata:1\n\n');
  });
});

const ended = (over: Partial<TaskEnd>, result: Partial<TaskEnd['result']> | null = null) =>
  answerOf({
    state: 'completed',
    result: result && { statusCode: null, requestId: null, body: null, errorCode: null, errorMessage: null, ...result },
    ...over,
  });
const errorFrame = (status: number, code: string, message: string) =>
  `event:error\ndata:${JSON.stringify({ status_code: status, error: { code, message } })}\n\n`;

describe('the end of a stream', () => {
  it.each([
    ['nothing after a good end', ended({}, { statusCode: 200, body: '{"a":1}' }), false, ''],
    ['what was not said in events', ended({}, { statusCode: 200, body: '{"a": 1}' }), true, 'data:{"a":1}\n\n'],
    ['nothing of nothing', ended({}, { statusCode: 204 }), true, ''],
    [
      "the model's error",
      ended({}, { statusCode: 429, body: '{"error":{"code":"slow_down","message":"Too fast."}}' }),
      false,
      errorFrame(429, 'slow_down', 'Too fast.'),
    ],
    [
      'its type where it has no code',
      ended({}, { statusCode: 400, body: '{"error":{"type":"bad","code":null}}' }),
      true,
      errorFrame(400, 'bad', 'The task was answered with status 400.'),
    ],
    [
      'its status where it says nothing else',
      ended({}, { statusCode: 500, body: '["?"]' }),
      true,
      errorFrame(500, 'error_status', 'The task was answered with status 500.'),
    ],
    [
      "its worker's error, whatever the status",
      ended({}, { statusCode: 200, body: ',"body":{"a":1},"error":{"code":"x","message":"oops"}' }),
      false,
      errorFrame(200, 'x', 'oops'),
    ],
    [
      'the error of a worker who has nothing else to say',
      ended({}, { statusCode: 200, body: ',"error":"oops"' }),
      true,
      errorFrame(200, 'worker_error', 'oops'),
    ],
    [
      "its worker's error that says nothing",
      ended({}, { statusCode: 200, body: ',"error":{}' }),
      true,
      errorFrame(200, 'worker_error', 'The task was answered with an error.'),
    ],
    [
      "its worker's error rather than the model's",
      ended({}, { statusCode: 502, body: ',"body":{"error":{"code":"y"}},"error":{"code":"x"}' }),
      true,
      errorFrame(502, 'x', 'The task was answered with status 502.'),
    ],
    [
      'a failure',
      ended({ state: 'failed' }, { errorCode: 'oom', errorMessage: 'No.' }),
      false,
      errorFrame(500, 'oom', 'No.'),
    ],
    [
      'a cancellation',
      ended({ state: 'cancelled' }, { errorCode: 'cancelled', errorMessage: 'Gone.' }),
      false,
      errorFrame(499, 'cancelled', 'Gone.'),
    ],
    [
      'an end without a record',
      ended({ state: 'expired' }),
      false,
      errorFrame(408, 'expired', 'The task ended without an answer.'),
    ],
    [
      'that its answer was lost',
      ended({}, { errorCode: 'answer_lost', errorMessage: 'Lost.' }),
      false,
      errorFrame(500, 'answer_lost', 'Lost.'),
    ],
    ['a wait that was over', NOT_IN_TIME, true, errorFrame(408, 'timeout', 'Nobody was done with the task in time.')],
  ])('says %s', (_, answer, isSilent, expected) => {
    expect(endFrame(answer, isSilent)).toBe(expected);
  });
});
