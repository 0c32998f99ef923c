/**
 * What a run has got done so far, in a small file beside its output. It is written before each step that the server
 * would otherwise do twice, so that the same command goes on wherever the last one was cut off.
 */
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { CliError } from '../cli-error.js';
import { syncFolder } from '../sync-folder.js';

/** What makes two commands the same one. */
export interface RunRequest {
  /** Of the input file. */
  sha256: string;
  endpoint: string;
  completionWindow: string;
  queue: string | null;
  level: number | null;
  /** Put into lines that name none. */
  model: string | null;
}

export interface RunState {
  format: 1;
  request: RunRequest;
  /** The server that has the batch. */
  url: string;
  /** Sent when the batch is made, however often: the server makes one. Also marks the uploaded file. */
  runId: string;
  fileId: string | null;
  batchId: string | null;
}

/** Where a run keeps its state; null keeps it in memory only. */
export class StateFile {
  constructor(readonly path: string | null) {}

  /** Null when there is nothing to go on with. */
  read(): RunState | null {
    if (this.path === null) return null;
    let text: string;
    try {
      text = readFileSync(this.path, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
      throw error;
    }
    const state = parseState(text);
    if (state === null) throw new CliError(`${this.path} is not the state of a run; move it away, or use --fresh.`);
    return state;
  }

  /** All or nothing, also through a power cut. */
  write(state: RunState): void {
    if (this.path === null) return;
    const temporary = `${this.path}.new`;
    writeFileSync(temporary, `${JSON.stringify(state, null, 2)}\n`, { flush: true, mode: 0o600 });
    renameSync(temporary, this.path);
    syncFolder(dirname(this.path));
  }

  remove(): void {
    if (this.path !== null) rmSync(this.path, { force: true });
  }
}

/** The names of what differs, for people; empty when both ask for the same. */
export function differences(kept: RunRequest, asked: RunRequest): string[] {
  const words: Record<keyof RunRequest, string> = {
    sha256: 'the input file',
    endpoint: '--endpoint',
    completionWindow: '--completion-window',
    queue: '--queue',
    level: '--level',
    model: '--model',
  };
  return (Object.keys(words) as (keyof RunRequest)[])
    .filter((field) => kept[field] !== asked[field])
    .map((field) => words[field]);
}

function parseState(text: string): RunState | null {
  try {
    const state = JSON.parse(text) as Partial<RunState> | null;
    const isState = state?.format === 1 && typeof state.runId === 'string' && typeof state.request === 'object';
    return isState ? (state as RunState) : null;
  } catch {
    return null; // the caller says what that means
  }
}
