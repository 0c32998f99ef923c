/** Messages between the main thread and the writer thread. */
import type { WriteCall, WriteOutcome } from '../group-executor.js';

export interface WriterOptions {
  file: string;
  crashAt: string | null;
}

export type ToWriter = { kind: 'group'; id: number; now: number; calls: WriteCall[] } | { kind: 'close' };

export type FromWriter =
  | { kind: 'ready'; migrations: string[] }
  | { kind: 'start-failed'; message: string }
  | { kind: 'done'; id: number; outcomes: WriteOutcome[] }
  | { kind: 'broken'; id: number; message: string }
  | { kind: 'closed' };
