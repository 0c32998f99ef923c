/**
 * Messages between the main thread and the writer thread. Calls and outcomes travel as JSON: one string is copied at once,
 * while the structured clone of a few hundred small objects took more of the main thread than anything else.
 */
export interface WriterOptions {
  file: string;
  crashAt: string | null;
}

export type ToWriter = { kind: 'group'; id: number; now: number; callsJson: string } | { kind: 'close' };

export type FromWriter =
  | { kind: 'ready'; migrations: string[] }
  | { kind: 'start-failed'; message: string }
  | { kind: 'done'; id: number; outcomesJson: string }
  | { kind: 'broken'; id: number; message: string }
  | { kind: 'closed' };
