import { Worker } from 'node:worker_threads';
import { MillraceError } from '../../kernel/errors.js';
import type { WriteCall, WriteOutcome } from '../group-executor.js';
import { packCalls, unpackOutcomes } from './packed.js';
import type { FromWriter, ToWriter, WriterOptions } from './writer-protocol.js';

interface Pending {
  resolve: (outcomes: WriteOutcome[]) => void;
  reject: (error: Error) => void;
}

/** What a group needs dies with it, so a small young generation is enough: the default is three times as large. */
const YOUNG_MB = 12;

/** The main thread's end of the writer thread. A thread that dies takes its unanswered groups with it, as errors. */
export class WriterThread {
  /** The group that is being written; the next is sent when it has ended. */
  private pending: Pending | null = null;
  private closed: (() => void) | null = null;
  private isDead = false;

  private constructor(
    private readonly worker: Worker,
    private readonly onDeath: (error: Error) => void,
  ) {
    worker.on('message', (message: FromWriter) => this.receive(message));
    worker.on('error', (error: Error) => this.die(error));
    worker.on('exit', (code) => this.die(endedWith(code)));
  }

  /**
   * Starts the thread, which opens the file and migrates it. `onDeath` is called if it ever ends unasked: the process
   * must end then, because nobody can know what the last group became; a restart does.
   */
  static async start(entry: URL, options: WriterOptions, onDeath: (error: Error) => void): Promise<WriterThread> {
    const worker = new Worker(entry, {
      workerData: options,
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB },
    });
    const first = await new Promise<FromWriter>((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
      worker.once('exit', (code) => reject(endedWith(code)));
    });
    if (first.kind !== 'ready') {
      await worker.terminate();
      throw new Error(first.kind === 'start-failed' ? first.message : 'the writer thread did not start');
    }
    return new WriterThread(worker, onDeath);
  }

  /** Runs a group as one transaction; outcomes in the order of the calls. */
  async run(calls: readonly WriteCall[], now: number): Promise<WriteOutcome[]> {
    if (this.isDead) throw new MillraceError('store_unavailable', 'The store has stopped.');
    const places = placesByProcedure(calls);
    const sorted = await this.send(
      places.map((place) => calls[place]!),
      now,
    );
    const outcomes = new Array<WriteOutcome>(calls.length);
    places.forEach((place, index) => (outcomes[place] = sorted[index]!));
    return outcomes;
  }

  async close(): Promise<void> {
    if (this.isDead) return;
    await new Promise<void>((resolve) => {
      this.closed = resolve;
      this.say({ kind: 'close' });
    });
    await this.worker.terminate();
  }

  private send(calls: readonly WriteCall[], now: number): Promise<WriteOutcome[]> {
    if (this.pending) throw new Error('the writer is given one group at a time');
    const parts = packCalls(calls);
    const last = parts.pop()!;
    return new Promise((resolve, reject) => {
      this.pending = { resolve, reject };
      for (const part of parts) this.say({ kind: 'part', calls: part });
      this.say({ kind: 'group', now, calls: last });
    });
  }

  private say(message: ToWriter): void {
    this.worker.postMessage(message);
  }

  private receive(message: FromWriter): void {
    if (message.kind === 'closed') {
      this.isDead = true;
      this.closed?.();
      return;
    }
    if (message.kind !== 'done' && message.kind !== 'broken') return;
    const pending = this.pending;
    this.pending = null;
    if (message.kind === 'done') pending?.resolve(unpackOutcomes(message.outcomes));
    else pending?.reject(new Error(message.message));
  }

  private die(error: Error): void {
    if (this.isDead) return;
    this.isDead = true;
    this.pending?.reject(error);
    this.pending = null;
    this.closed?.();
    this.onDeath(error);
  }
}

function endedWith(code: number): Error {
  return new Error(`the writer thread ended with code ${code}`);
}

/** Calls of one procedure side by side; a procedure works on all of its calls together anyway. */
function placesByProcedure(calls: readonly WriteCall[]): number[] {
  const places = new Map<string, number[]>();
  calls.forEach(({ procedure }, place) => {
    const same = places.get(procedure);
    if (same) same.push(place);
    else places.set(procedure, [place]);
  });
  return [...places.values()].flat();
}
