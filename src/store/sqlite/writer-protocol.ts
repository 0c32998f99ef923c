/**
 * Messages between the main thread and the writer thread. A large group comes in parts; to wake the thread costs more than
 * to send a part, so all parts of a group are sent together.
 */
import type { PackedCalls, PackedOutcomes } from './packed.js';

export interface WriterOptions {
  file: string;
  crashAt: string | null;
}

/** `part`s come before the `group` that they belong to. */
export type ToWriter =
  { kind: 'part'; calls: PackedCalls[] } | { kind: 'group'; now: number; calls: PackedCalls[] } | { kind: 'close' };

export type FromWriter =
  | { kind: 'ready'; migrations: string[] }
  | { kind: 'start-failed'; message: string }
  | { kind: 'done'; outcomes: PackedOutcomes[] }
  | { kind: 'broken'; message: string }
  | { kind: 'closed' };
