import { Worker } from 'node:worker_threads';
import { MillraceError } from '../../kernel/errors.js';
import type { WriteCall, WriteOutcome } from '../group-executor.js';
import {
  PART_CHARACTERS,
  type FromWriter,
  type ToWriter,
  type WriterOptions,
  type WrittenCall,
} from './writer-protocol.js';

interface Pending {
  resolve: (outcomes: WriteOutcome[]) => void;
  reject: (error: Error) => void;
}

/** The main thread's end of the writer thread. A thread that dies takes its unanswered groups with it, as errors. */
export class WriterThread {
  private readonly pending = new Map<number, Pending>();
  private lastId = 0;
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
    const worker = new Worker(entry, { workerData: options });
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

  run(calls: WriteCall[], now: number): Promise<WriteOutcome[]> {
    if (this.isDead) return Promise.reject(new MillraceError('store_unavailable', 'The store has stopped.'));
    const id = (this.lastId += 1);
    return new Promise((resolve, reject) => {
      this.pending.set(id, { resolve, reject });
      this.say({ kind: 'group', id, now, calls: this.sendParts(calls) });
    });
  }

  async close(): Promise<void> {
    if (this.isDead) return;
    await new Promise<void>((resolve) => {
      this.closed = resolve;
      this.say({ kind: 'close' });
    });
    await this.worker.terminate();
  }

  /** Sends all but the last part of a group, and returns that. */
  private sendParts(calls: readonly WriteCall[]): WrittenCall[] {
    let part: WrittenCall[] = [];
    let characters = 0;
    for (const { procedure, args } of calls) {
      const argsJson = JSON.stringify(args);
      part.push({ procedure, argsJson });
      characters += argsJson.length;
      if (characters >= PART_CHARACTERS) {
        this.say({ kind: 'part', calls: part });
        part = [];
        characters = 0;
      }
    }
    return part;
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
    const pending = this.pending.get(message.id);
    this.pending.delete(message.id);
    if (message.kind === 'done') pending?.resolve(message.outcomesJson.map((json) => JSON.parse(json) as WriteOutcome));
    else pending?.reject(new Error(message.message));
  }

  private die(error: Error): void {
    if (this.isDead) return;
    this.isDead = true;
    for (const { reject } of this.pending.values()) reject(error);
    this.pending.clear();
    this.closed?.();
    this.onDeath(error);
  }
}

function endedWith(code: number): Error {
  return new Error(`the writer thread ended with code ${code}`);
}
