/**
 * Messages between the main thread and the writer thread. What calls carry and what comes of them travels as JSON, a text for
 * each call: strings are copied at once, while the structured clone of a few hundred small objects took more of the main
 * thread than anything else. A large group comes in parts: V8 puts whatever it takes out of a message, or parses from a text,
 * of more than 100 KB straight into the old generation, where only a full collection finds it again.
 */
export interface WrittenCall {
  procedure: string;
  argsJson: string;
}

export interface WriterOptions {
  file: string;
  crashAt: string | null;
}

/** A part of this size or more is sent off. */
export const PART_CHARACTERS = 40_000;

/** `part`s come before the `group` that they belong to. */
export type ToWriter =
  | { kind: 'part'; calls: WrittenCall[] }
  | { kind: 'group'; id: number; now: number; calls: WrittenCall[] }
  | { kind: 'close' };

export type FromWriter =
  | { kind: 'ready'; migrations: string[] }
  | { kind: 'start-failed'; message: string }
  | { kind: 'done'; id: number; outcomesJson: string[] }
  | { kind: 'broken'; id: number; message: string }
  | { kind: 'closed' };
