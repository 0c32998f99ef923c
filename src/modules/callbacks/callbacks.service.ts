import { Injectable } from '@nestjs/common';
import { callbackStateOf, type CallbackState } from '../../kernel/callback-state.js';
import { EventBus } from '../../ports/event-bus.js';
import { CallbackStore, type StoredCallback } from '../../store/callback.store.js';
import type { CallbackAttempt } from '../../store/procedures/callback-shapes.js';

/** A callback and what became of it so far. Instants are epoch ms. */
export interface Callback {
  id: string;
  url: string;
  state: CallbackState;
  /** Tries of this round; a replay of one that has ended begins a new round. */
  tries: number;
  /** When it is tried next; null unless it waits. */
  nextAt: number | null;
  createdAt: number;
  /** When it was delivered or given up; null until then. */
  endedAt: number | null;
  /** Every try that is remembered, of all rounds, oldest first. */
  attempts: CallbackAttempt[];
}

/** A task has one callback for each of its ends; a redriven task ends again. Nobody redrives more often than this. */
const MAX_OF_TASK = 100;

/** The callbacks of a task, for those who may see the task: whoever calls has checked that. */
@Injectable()
export class CallbacksService {
  constructor(
    private readonly store: CallbackStore,
    private readonly events: EventBus,
  ) {}

  /** Oldest first; none before the task has ended. */
  async ofTask(taskSeq: number): Promise<Callback[]> {
    return this.withAttempts(await this.store.ofTask(taskSeq, MAX_OF_TASK));
  }

  /**
   * Delivers once more, at once. One that has ended begins its schedule anew; one that waits keeps the rest of it. Refuses
   * with `not_found` when the task has no such callback, and with `conflict` while it is being delivered.
   */
  async replay(taskSeq: number, callbackId: string, by: string): Promise<Callback> {
    const row = await this.store.replay({ id: callbackId, taskSeq, by });
    this.announce();
    const [callback] = await this.withAttempts([row]);
    return callback!;
  }

  /** To be called after a commit that wrote callbacks, so that they are on their way at once and not within a second. */
  announce(): void {
    this.events.publish('callback.deliver', {});
  }

  private async withAttempts(rows: readonly StoredCallback[]): Promise<Callback[]> {
    const attempts = rows.length === 0 ? [] : await this.store.attempts(rows.map(({ seq }) => seq));
    return rows.map((row) => ({
      ...toCallback(row),
      attempts: attempts
        .filter(({ callbackSeq }) => callbackSeq === row.seq)
        .map(({ startedAt, tookMs, statusCode, error, answer }) => ({ startedAt, tookMs, statusCode, error, answer })),
    }));
  }
}

function toCallback({ id, url, state: code, tries, availableAt, createdAt, endedAt }: StoredCallback) {
  const state = callbackStateOf(code);
  return { id, url, state, tries, nextAt: state === 'waiting' ? availableAt : null, createdAt, endedAt };
}
