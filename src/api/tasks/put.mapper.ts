/** From what a submitter writes to what is put. Spans are seconds on the wire. */
import { MillraceError } from '../../kernel/errors.js';
import type { Caller } from '../../modules/access/caller.js';
import type { CallbackTargets } from '../../modules/callbacks/callback-targets.js';
import { OUTLIVES_WAIT_MS } from '../../modules/tasks/outlives-wait.js';
import type { PutRequest } from '../../modules/tasks/task-requests.js';
import { isGiven } from '../common/field.decorators.js';
import type { PutDto } from './put.dto.js';

const DEFAULT_WAIT_SECONDS = 300;
const MAX_WAIT_SECONDS = 600;
const DEFAULT_LIFE_SECONDS = 86_400;
/** In 1973: what is less was meant to be seconds. */
const EARLIEST_MS = 1e11;

export interface PutOrigin {
  caller: Caller;
  /** Of a header; the field in the body goes before it. */
  queueName: string | null;
  idempotencyKey: string | null;
}

/** How long the caller of a blocking or streaming put waits. */
export function waitMsOf({ timeout }: PutDto): number {
  const seconds = isGiven(timeout) && timeout > 0 ? timeout : DEFAULT_WAIT_SECONDS;
  return Math.min(seconds, MAX_WAIT_SECONDS) * 1000;
}

/** `data`: its JSON text. Refuses with `invalid_value`. */
export function toPutRequest(body: PutDto, data: string, origin: PutOrigin, targets: CallbackTargets): PutRequest {
  const { delay, not_before: notBefore, callback_url: callbackUrl } = body;
  if (isGiven(delay) && isGiven(notBefore)) {
    throw new MillraceError('invalid_value', "Give either 'delay' or 'not_before'.", { param: 'not_before' });
  }
  if (isGiven(notBefore) && notBefore < EARLIEST_MS) {
    const text = `Invalid 'not_before': expected epoch milliseconds, but ${notBefore} looks like seconds.`;
    throw new MillraceError('invalid_value', text, { param: 'not_before' });
  }
  const model = body.data['model'];
  return {
    tenantSeq: origin.caller.tenantSeq,
    keyId: origin.caller.keyId,
    queueName: body.queue || origin.queueName,
    level: body.level ?? 0,
    mode: body.response_mode ?? 'callback',
    type: body.type || null,
    endpoint: body.endpoint?.trim() ? body.endpoint : null,
    model: typeof model === 'string' ? model : null,
    body: data,
    delayMs: isGiven(delay) ? delay * 1000 : null,
    notBefore: notBefore ?? null,
    ttlMs: ttlMsOf(body),
    traceId: body.trace_id || null,
    callbackUrl: callbackUrl ? targets.checkUrl(callbackUrl) : null,
    idempotencyKey: origin.idempotencyKey,
  };
}

function ttlMsOf(body: PutDto): number {
  const { timeout, response_mode: mode } = body;
  if (isGiven(mode) && mode !== 'callback') return waitMsOf(body) + OUTLIVES_WAIT_MS;
  return (isGiven(timeout) && timeout > 0 ? timeout : DEFAULT_LIFE_SECONDS) * 1000;
}
