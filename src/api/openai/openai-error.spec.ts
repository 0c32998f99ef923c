import { describe, expect, it } from 'vitest';
import { ERROR_CATALOG, type ErrorCode } from '../../kernel/error-catalog.js';
import { MillraceError } from '../../kernel/errors.js';
import { renderOpenAiError } from './openai-error.js';

const render = (code: ErrorCode, details = {}) => renderOpenAiError(new MillraceError(code, 'text', details));

describe('an error on OpenAI’s wire', () => {
  it.each(Object.keys(ERROR_CATALOG) as ErrorCode[])('has all four keys and the status of the catalog: %s', (code) => {
    const { status, body } = render(code, { param: 'metadata.tags' });
    expect(status).toBe(ERROR_CATALOG[code]);
    expect(body).toEqual({
      error: { message: 'text', type: expect.any(String), param: 'metadata.tags', code: body.error.code },
    });
    expect([null, expect.any(String)]).toContainEqual(body.error.code);
  });

  it.each([
    ['invalid_request', 'invalid_request_error', null],
    ['missing_required_parameter', 'invalid_request_error', 'missing_required_parameter'],
    ['invalid_api_key', 'invalid_request_error', 'invalid_api_key'],
    ['missing_api_key', 'invalid_request_error', null],
    ['not_found', 'invalid_request_error', null],
    ['rate_limit_exceeded', 'requests', 'rate_limit_exceeded'],
    ['quota_exceeded', 'insufficient_quota', 'insufficient_quota'],
    ['overloaded', 'service_unavailable_error', 'server_is_overloaded'],
    ['internal', 'server_error', null],
  ] as const)('%s is of type %s with code %s', (code, type, wireCode) => {
    expect(render(code).body.error).toMatchObject({ type, code: wireCode, param: null });
  });

  it('asks not to be tried again where that is of no use', () => {
    for (const code of ['conflict', 'batch_not_cancellable', 'insufficient_storage', 'quota_exceeded'] as const) {
      expect(render(code, { retryAfterMs: 1_000 }).headers).toEqual({ 'x-should-retry': 'false' });
    }
    expect(render('internal').headers).toEqual({});
  });

  it.each([
    [1, { 'retry-after': '1' }],
    [1_001, { 'retry-after': '2' }],
    [60_000, { 'retry-after': '60' }],
    [60_001, { 'x-should-retry': 'false' }],
  ])('says after %i ms %j', (retryAfterMs, headers) => {
    expect(render('overloaded', { retryAfterMs }).headers).toEqual(headers);
  });
});
