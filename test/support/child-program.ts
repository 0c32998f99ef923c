/** A program of ours that a test has started: what it prints, and how it ends. */
import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';

export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

export interface ProgramOptions {
  /** Node unless named. */
  command?: string;
  /** For Node, the file first. */
  args: readonly string[];
  cwd: string;
  env: NodeJS.ProcessEnv;
}

interface Waiting {
  check: () => boolean;
  settle: () => void;
}

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** The program has ended, and what a test waited for will not come. */
export class EndedTooSoon extends Error {}

export class ChildProgram {
  /** All that it has printed on both outputs, by line. */
  readonly lines: string[] = [];
  /** Resolves when it has ended and everything it printed has been read. */
  readonly ended: Promise<Exit>;
  private readonly child: ChildProcess;
  private readonly waiting = new Set<Waiting>();
  private exit: Exit | null = null;

  constructor({ command = process.execPath, args, cwd, env }: ProgramOptions) {
    const child = spawn(command, [...args], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
    this.child = child;
    running.add(child);
    for (const stream of [child.stdout, child.stderr]) this.collect(stream);
    this.ended = new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code, signal) => {
        running.delete(child);
        this.exit = { code, signal };
        resolve(this.exit);
        this.look();
      });
    });
  }

  get pid(): number {
    return this.child.pid!;
  }

  get isRunning(): boolean {
    return this.exit === null;
  }

  send(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /**
   * Resolves with the first line, already printed or still to come, for which `find` returns something. Rejects with
   * EndedTooSoon, which tells all that was printed, when the program ends without it.
   */
  async printed<T>(find: (line: string) => T | null): Promise<T> {
    let from = 0;
    let found: T | null = null;
    const check = (): boolean => {
      while (found === null && from < this.lines.length) found = find(this.lines[from++]!);
      return found !== null || this.exit !== null;
    };
    if (!check()) await new Promise<void>((settle) => this.waiting.add({ check, settle }));
    if (found === null) throw new EndedTooSoon(`It ended without that line. It printed:\n${this.lines.join('\n')}`);
    return found;
  }

  private collect(stream: Readable): void {
    createInterface({ input: stream }).on('line', (line) => {
      this.lines.push(line);
      this.look();
    });
  }

  private look(): void {
    for (const one of this.waiting) {
      if (!one.check()) continue;
      this.waiting.delete(one);
      one.settle();
    }
  }
}
