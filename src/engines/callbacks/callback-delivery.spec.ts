import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { FakeTime } from '../../../test/support/fake-time.js';
import { settle } from '../../../test/support/inbox.js';
import type { WebhookSecretsService } from '../../modules/callbacks/webhook-secrets.service.js';
import type { LeasedCallback } from '../../store/procedures/callback-shapes.js';
import type { CallbackClient, CallbackRequest } from './callback-client.js';
import { BODY_BYTES, CallbackDelivery } from './callback-delivery.js';
import type { CallbackMessages } from './callback-message.js';
import type { CallbackTelemetry } from './callback-telemetry.js';

const ANSWER = { status: 200, retryAfterMs: null, text: '' };
const { signal } = new AbortController();

let time: FakeTime;
let reads: number[];
/** The calls under way, by the number of the callback. */
let calls: Map<number, () => void>;
let delivery: CallbackDelivery;

beforeEach(() => {
  time = FakeTime.start();
  [reads, calls] = [[], new Map()];
  const messageOf = async ({ seq, tries: bytes }: LeasedCallback) => {
    const body = async () => {
      reads.push(seq);
      return String(seq);
    };
    return { taskId: null, bytes, body };
  };
  const post = ({ body }: CallbackRequest) => new Promise((resolve) => calls.set(Number(body), () => resolve(ANSWER)));
  delivery = new CallbackDelivery(
    { post } as unknown as CallbackClient,
    { messageOf } as unknown as CallbackMessages,
    { signingWith: async () => [] } as unknown as WebhookSecretsService,
    time.clock,
    { failed: vi.fn() } as unknown as CallbackTelemetry,
  );
});
afterEach(() => time.stop());

/** Of a body so large; the number of tries stands for its size. */
const deliver = (seq: number, bytes: number, isProven = false) =>
  delivery.tryOnce({ seq, epoch: 1, id: `callback_${seq}`, tries: bytes } as LeasedCallback, isProven, signal);

it('a body is read only when there is room for it beside those under way; small ones go by', async () => {
  const ended = [deliver(1, BODY_BYTES), deliver(2, BODY_BYTES / 2), deliver(3, BODY_BYTES / 2), deliver(4, 1000)];
  await settle();
  expect(reads).toEqual([1, 4]);
  calls.get(1)!();
  await settle();
  expect(reads).toEqual([1, 4, 2, 3]);
  for (const answer of calls.values()) answer();
  expect((await Promise.all(ended)).map(({ end }) => end.state)).toEqual(Array(4).fill('delivered'));
});

it('receivers that have answered last do not wait for room behind those that may hang', async () => {
  void deliver(1, BODY_BYTES);
  void deliver(2, BODY_BYTES, true);
  await settle();
  expect(reads).toEqual([1, 2]);
});

it('a callback that finds no room goes back untried, and is due again soon', async () => {
  void deliver(1, BODY_BYTES);
  const waiting = deliver(2, BODY_BYTES);
  await time.advance(5_000);
  const end = { seq: 2, epoch: 1, state: 'waiting', availableAt: time.clock.now() + 1_000, attempt: null };
  expect(await waiting).toEqual({ end, isAnswering: null });
  expect(reads).toEqual([1]);
});
