/** In: a leased callback. Out: one try to deliver it, and what it means. Nothing is written here. */
import { Injectable } from '@nestjs/common';
import { Clock } from '../../kernel/clock.js';
import { messageOf } from '../../kernel/errors.js';
import { WebhookSecretsService } from '../../modules/callbacks/webhook-secrets.service.js';
import type { CallbackAttempt, CallbackEnd, LeasedCallback } from '../../store/procedures/callback-shapes.js';
import { CallbackClient, type CallbackRequest } from './callback-client.js';
import { CallbackMessages } from './callback-message.js';
import { signatureHeaders } from './callback-signature.js';
import { CallbackTelemetry } from './callback-telemetry.js';
import { judgeDelivery, type Outcome } from './callback-verdict.js';

export interface Tried {
  end: CallbackEnd;
  /** Whether the receiver does its work; null when it was not asked. */
  isAnswering: boolean | null;
}

@Injectable()
export class CallbackDelivery {
  constructor(
    private readonly client: CallbackClient,
    private readonly messages: CallbackMessages,
    private readonly secrets: WebhookSecretsService,
    private readonly clock: Clock,
    private readonly telemetry: CallbackTelemetry,
  ) {}

  /** When `signal` gives it up, the callback goes back as if it had not been tried. */
  async tryOnce(callback: LeasedCallback, signal: AbortSignal): Promise<Tried> {
    const { seq, epoch, tries } = callback;
    const startedAt = this.clock.now();
    const begun = performance.now();
    const outcome = await this.send(callback, signal);
    if (signal.aborted && outcome.kind === 'no_answer') {
      return { end: { seq, epoch, state: 'waiting', availableAt: null, attempt: null }, isAnswering: null };
    }
    const { state, availableAt, error } = judgeDelivery(outcome, tries, this.clock.now());
    const { status: statusCode = null, text: answer = null } = outcome.kind === 'answer' ? outcome.answer : {};
    const tookMs = Math.round(performance.now() - begun);
    const attempt: CallbackAttempt = { startedAt, tookMs, statusCode, error, answer };
    return { end: { seq, epoch, state, availableAt, attempt }, isAnswering: isAnswering(outcome) };
  }

  private async send(callback: LeasedCallback, signal: AbortSignal): Promise<Outcome> {
    let request: CallbackRequest | null;
    try {
      request = await this.compose(callback);
    } catch (error) {
      this.telemetry.failed(error, 'a callback could not be put together; it is tried again');
      return { kind: 'not_sent', error: 'not sent: this server could not put it together' };
    }
    if (request === null) return { kind: 'nothing_to_send', error: 'not sent: its task was sent back or deleted' };
    try {
      return { kind: 'answer', answer: await this.client.post(request, signal) };
    } catch (error) {
      return { kind: 'no_answer', error: messageOf(error) };
    }
  }

  /** Null when there is nothing to tell any more. */
  private async compose(callback: LeasedCallback): Promise<CallbackRequest | null> {
    const { id, tenantSeq, url } = callback;
    const message = await this.messages.messageOf(callback);
    if (message === null) return null;
    const { body, taskId } = message;
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
