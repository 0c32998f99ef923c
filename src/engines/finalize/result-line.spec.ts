import { describe, expect, it } from 'vitest';
import { TASK_STATE_CODE } from '../../kernel/task-state.js';
import type { EndedLine } from '../../store/batch.store.js';
import { resultLine } from './result-line.js';

const BATCH = 'batch_0123456789abcdef0123456789abcdef';
const LINE: EndedLine = {
  line: 26,
  customId: 'a "quoted" id',
  state: TASK_STATE_CODE.completed,
  statusCode: 200,
  requestId: 'req_1',
  body: null,
  blobKey: null,
  errorCode: null,
  errorMessage: null,
};

describe('resultLine', () => {
  it('writes an answer as it came', () => {
    const body = '{"n":12345678901234567890,"t":"ü"}';
    const { isGood, text } = resultLine(BATCH, LINE, body);
    expect(isGood).toBe(true);
    expect(text).toBe(
      '{"id": "batch_req_0123456789abcdef012345670000001a", "custom_id": "a \\"quoted\\" id", "response": ' +
        `{"status_code": 200, "request_id": "req_1", "body": ${body}}, "error": null}\n`,
    );
  });

  it('puts an answer of many lines on one', () => {
    const { text } = resultLine(BATCH, LINE, '{\r\n  "a": "x\\ny"\n}\n');
    expect(text.match(/\n/g)).toHaveLength(1);
    expect(JSON.parse(text)).toMatchObject({ response: { body: { a: 'x\ny' } } });
  });

  it('counts an answer of 400 or more as failed, with no error beside it', () => {
    const { isGood, text } = resultLine(BATCH, { ...LINE, statusCode: 400 }, '{"error":{}}');
    expect(isGood).toBe(false);
    expect(JSON.parse(text)).toMatchObject({ response: { status_code: 400 }, error: null });
  });

  it('gives an answer without a request id one of its own', () => {
    const { text } = resultLine(BATCH, { ...LINE, requestId: null }, '{}');
    expect(JSON.parse(text)).toMatchObject({ response: { request_id: '0123456789abcdef012345670000001a' } });
  });

  it.each([
    ['expired', 'batch_expired', 'This request could not be executed before the completion window expired.'],
    ['cancelled', 'batch_cancelled', 'This request was not executed because the batch was cancelled.'],
  ] as const)('explains a line that was %s', (state, code, message) => {
    const line = { ...LINE, state: TASK_STATE_CODE[state], statusCode: null };
    const { isGood, text } = resultLine(BATCH, line, null);
    expect(isGood).toBe(false);
    expect(JSON.parse(text)).toMatchObject({ response: null, error: { code, message } });
  });

  it('explains a line that was given up', () => {
    const line = {
      ...LINE,
      state: TASK_STATE_CODE.failed,
      errorCode: 'request_timeout',
      errorMessage: 'Request timed out.',
    };
    expect(JSON.parse(resultLine(BATCH, line, null).text)).toMatchObject({
      response: null,
      error: { code: 'request_timeout', message: 'Request timed out.' },
    });
  });
});
