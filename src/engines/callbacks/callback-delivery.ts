/** In: a leased callback. Out: one try to deliver it, and what it means. Nothing is written here. */
import { Injectable } from '@nestjs/common';
import { ByteGate, type Keep } from '../../kernel/byte-gate.js';
import { Clock } from '../../kernel/clock.js';
import { messageOf } from '../../kernel/errors.js';
import { WebhookSecretsService } from '../../modules/callbacks/webhook-secrets.service.js';
import type { CallbackAttempt, CallbackEnd, LeasedCallback } from '../../store/procedures/callback-shapes.js';
import { CallbackClient, type CallbackRequest } from './callback-client.js';
import { CallbackMessages, type CallbackMessage } from './callback-message.js';
import { signatureHeaders } from './callback-signature.js';
import { CallbackTelemetry } from './callback-telemetry.js';
import { judgeDelivery, type Outcome } from './callback-verdict.js';

/** Of bodies under way to receivers that have answered last, and as much to the others, which may hang. */
export const BODY_BYTES = 32 * 1024 * 1024;
/** A callback that waits for room keeps its place from others. */
const PATIENCE_MS = 5_000;
const CROWDED_MS = 1_000;

export interface Tried {
  end: CallbackEnd;
  /** Whether the receiver does its work; null when it was not asked. */
  isAnswering: boolean | null;
}

@Injectable()
export class CallbackDelivery {
  private readonly proven = new ByteGate(BODY_BYTES);
  private readonly unproven = new ByteGate(BODY_BYTES);

  constructor(
    private readonly client: CallbackClient,
    private readonly messages: CallbackMessages,
    private readonly secrets: WebhookSecretsService,
    private readonly clock: Clock,
    private readonly telemetry: CallbackTelemetry,
  ) {}

  /**
   * When `signal` gives it up, or there is no room for its body, the callback goes back as if it had not been tried. `isProven`:
   * whether its receiver answered last.
   */
  async tryOnce(callback: LeasedCallback, isProven: boolean, signal: AbortSignal): Promise<Tried> {
    const { seq, epoch, tries } = callback;
    const startedAt = this.clock.now();
    const begun = performance.now();
    const outcome = await this.send(callback, isProven ? this.proven : this.unproven, signal);
    if (outcome === 'no_room' || (signal.aborted && outcome.kind === 'no_answer')) {
      const availableAt = outcome === 'no_room' ? this.clock.now() + CROWDED_MS : null;
      return { end: { seq, epoch, state: 'waiting', availableAt, attempt: null }, isAnswering: null };
    }
    const { state, availableAt, error } = judgeDelivery(outcome, tries, this.clock.now());
    const { status: statusCode = null, text: answer = null } = outcome.kind === 'answer' ? outcome.answer : {};
    const tookMs = Math.round(performance.now() - begun);
    const attempt: CallbackAttempt = { startedAt, tookMs, statusCode, error, answer };
    return { end: { seq, epoch, state, availableAt, attempt }, isAnswering: isAnswering(outcome) };
  }

  private async send(callback: LeasedCallback, gate: ByteGate, signal: AbortSignal): Promise<Outcome | 'no_room'> {
    let keep: Keep | null = null;
    try {
      let request: CallbackRequest;
      try {
        const message = await this.messages.messageOf(callback);
        if (message === null) return { kind: 'nothing_to_send', error: 'not sent: its task was sent back or deleted' };
        keep = await gate.enter(message.bytes, PATIENCE_MS).catch(() => null);
        if (keep === null) return 'no_room';
        request = await this.compose(callback, message);
      } catch (error) {
        this.telemetry.failed(error, 'a callback could not be put together; it is tried again');
        return { kind: 'not_sent', error: 'not sent: this server could not put it together' };
      }
      return { kind: 'answer', answer: await this.client.post(request, signal) };
    } catch (error) {
      return { kind: 'no_answer', error: messageOf(error) };
    } finally {
      keep?.(0);
    }
  }

  private async compose({ id, tenantSeq, url }: LeasedCallback, message: CallbackMessage): Promise<CallbackRequest> {
    const { taskId } = message;
    const body = await message.body();
    const secrets = await this.secrets.signingWith(tenantSeq);
    const about = taskId === null ? {} : { 'x-millrace-task-id': taskId };
    return { url, body, headers: { ...signatureHeaders(id, this.clock.now(), body, secrets), ...about } };
  }
}

/** A receiver that refuses what it is sent does its work. */
function isAnswering(outcome: Outcome): boolean | null {
  if (outcome.kind === 'not_sent' || outcome.kind === 'nothing_to_send') return null;
  return outcome.kind === 'answer' && outcome.answer.status < 500 && outcome.answer.status !== 429;
}
