/** The programs that the demo runs beside itself: started with their output in a file, watched, and stopped for sure. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { CliError } from '../cli-error.js';
import { freePort } from '../ports.js';

export interface ProgramToRun {
  /** What people call it, for messages. */
  name: string;
  /** Path of the program; Node unless named, and then `args` begin with a JavaScript file. */
  command?: string;
  args: readonly string[];
  env: NodeJS.ProcessEnv;
  /** Its working folder. */
  folder: string;
  /** Gets everything it prints; what an earlier run left there is gone. */
  logPath: string;
  /** After this long it is killed when it was asked to stop; 5,000 unless named. */
  stopLimitMs?: number;
}

/** What both the server and the simulator say, the former inside a line of JSON. */
const LISTENING = /listening on (https?:\/\/[^\s"]+)/;
const LOOK_PAUSE_MS = 25;
const STARTUP_LIMIT_MS = 30_000;
/** After this long a program that was asked to stop is killed. */
const STOP_LIMIT_MS = 5_000;
const LOG_LINES_SHOWN = 15;
/** Somebody else may take a free port before the program does. */
const PORT_TRIES = 5;

const running = new Set<ChildProcess>();
// Before anybody removes their folders, who asks for that later.
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** A program that was started. Never outlives this process, unless that is killed outright. */
export class RunningProgram {
  private isStopping = false;
  /** Why it is gone although nobody stopped it. */
  private death: CliError | null = null;

  private constructor(
    private readonly program: ProgramToRun,
    private readonly child: ChildProcess,
    onDeath: (error: CliError) => void,
  ) {
    running.add(child);
    const die = (error: CliError) => {
      this.death = error;
      onDeath(error);
    };
    child.once('exit', (code, signal) => {
      running.delete(child);
      if (!this.isStopping) die(this.problem(`ended by itself (${signal ?? `exit code ${code}`})`));
    });
    child.once('error', (error) => die(new CliError(`The ${program.name} cannot be run: ${error.message}`)));
  }

  /** @param onDeath called when it ends although nobody called `stop`, with the end of its log */
  static start(program: ProgramToRun, onDeath: (error: CliError) => void): RunningProgram {
    const log = openSync(program.logPath, 'w', 0o600);
    const child = spawn(program.command ?? process.execPath, program.args, {
      cwd: program.folder,
      env: program.env,
      stdio: ['ignore', log, log],
      // Out of the terminal's reach: Ctrl-C comes to us, and we stop the programs in order.
      detached: process.platform !== 'win32',
      windowsHide: true,
    });
    closeSync(log);
    return new RunningProgram(program, child, onDeath);
  }

  /**
   * Resolves with the URL that the program says it listens on. It has to say so itself: what answers on the port that it
   * was given may be another program, while this one is about to find the port taken.
   *
   * @throws the reason of `signal` when that is aborted; CliError if it takes too long
   */
  url(signal: AbortSignal): Promise<string> {
    return this.waitFor('say where it listens', () => LISTENING.exec(this.readLog())?.[1] ?? null, signal);
  }

  /** Resolves when GET `url` is answered with 2xx. Throws as `url()` does. */
  async answer(url: string, signal: AbortSignal): Promise<void> {
    await this.waitFor('get ready', async () => ((await isAnswered(url, signal)) ? true : null), signal);
  }

  get name(): string {
    return this.program.name;
  }

  get pid(): number {
    return this.child.pid!;
  }

  get isRunning(): boolean {
    return running.has(this.child);
  }

  /** SIGSTOP and SIGCONT; to end it there is `stop`. */
  send(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.child.kill(signal);
  }

  /**
   * Resolves with the first thing that `look` finds. Throws as `url()` does.
   *
   * @param what that the program is waited for to do, such as `get ready`
   */
  async waitFor<T>(what: string, look: () => T | null | Promise<T | null>, signal: AbortSignal): Promise<T> {
    const limitAt = performance.now() + STARTUP_LIMIT_MS;
    for (;;) {
      signal.throwIfAborted();
      const found = await look();
      if (found !== null) return found;
      if (this.death !== null) throw this.death;
      if (performance.now() > limitAt) throw this.problem(`did not ${what} within ${STARTUP_LIMIT_MS / 1_000} s`);
      await sleep(LOOK_PAUSE_MS);
    }
  }

  /** Resolves when it has ended; at once if it already has. One that is halted goes on first. */
  async stop(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    this.isStopping = true;
    const { child } = this;
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
    const ended = once(child, 'exit');
    const timer = setTimeout(() => child.kill('SIGKILL'), this.program.stopLimitMs ?? STOP_LIMIT_MS);
    child.kill(signal);
    child.kill('SIGCONT');
    await ended;
    clearTimeout(timer);
  }

  /** An error about this program, with the end of its log. */
  problem(what: string): CliError {
    const lines = this.readLog().trimEnd().split('\n').slice(-LOG_LINES_SHOWN);
    return new CliError(
      `The ${this.program.name} ${what}. The end of its log:\n${lines.map((line) => `  | ${line}`).join('\n')}`,
    );
  }

  /** All that it has printed. */
  readLog(): string {
    return readFileSync(this.program.logPath, 'utf8');
  }
}

/** Not while the port is closed, and not while the program says that it is not ready. */
async function isAnswered(url: string, signal: AbortSignal): Promise<boolean> {
  try {
    const response = await fetch(url, { signal });
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false;
  }
}

/** Starts a program that has to be told its port. One that ends at its start gets another one, a few times. */
export async function onFreePort<T>(start: (port: number) => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await start(await freePort());
    } catch (error) {
      if (tries === PORT_TRIES || !isTaken(error)) throw error;
    }
  }
}

/** What programs say in their log when somebody else listens there. */
function isTaken(error: unknown): boolean {
  return error instanceof CliError && /address already in use/i.test(error.message);
}
