/** The programs that the demo runs beside itself: started with their output in a file, watched, and stopped for sure. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { CliError } from '../cli-error.js';

export interface ProgramToRun {
  /** What people call it, for messages. */
  name: string;
  /** Path of the JavaScript file. */
  file: string;
  args: readonly string[];
  env: NodeJS.ProcessEnv;
  /** Its working folder. */
  folder: string;
  /** Gets everything it prints; what an earlier run left there is gone. */
  logPath: string;
}

/** What both the server and the simulator say, the former inside a line of JSON. */
const LISTENING = /listening on (https?:\/\/[^\s"]+)/;
const LOOK_PAUSE_MS = 25;
const STARTUP_LIMIT_MS = 30_000;
/** After this long a program that was asked to stop is killed. */
const STOP_LIMIT_MS = 5_000;
const LOG_LINES_SHOWN = 15;

/** A program that was started. Never outlives this process, unless that is killed outright. */
export class RunningProgram {
  private isStopping = false;

  private constructor(
    private readonly program: ProgramToRun,
    private readonly child: ChildProcess,
    onDeath: (error: CliError) => void,
  ) {
    const killWithUs = () => child.kill('SIGKILL');
    process.prependOnceListener('exit', killWithUs); // before anybody removes its folder
    child.once('exit', (code, signal) => {
      process.off('exit', killWithUs);
      if (!this.isStopping) onDeath(this.problem(`ended by itself (${signal ?? `exit code ${code}`})`));
    });
    child.once('error', (error) => onDeath(new CliError(`The ${program.name} cannot be run: ${error.message}`)));
  }

  /** @param onDeath called when it ends although nobody called `stop`, with the end of its log */
  static start(program: ProgramToRun, onDeath: (error: CliError) => void): RunningProgram {
    const log = openSync(program.logPath, 'w', 0o600);
    const child = spawn(process.execPath, [program.file, ...program.args], {
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

  private async waitFor<T>(what: string, look: () => T | null | Promise<T | null>, signal: AbortSignal): Promise<T> {
    const limitAt = performance.now() + STARTUP_LIMIT_MS;
    for (;;) {
      signal.throwIfAborted();
      const found = await look();
      if (found !== null) return found;
      if (performance.now() > limitAt) throw this.problem(`did not ${what} within ${STARTUP_LIMIT_MS / 1_000} s`);
      await sleep(LOOK_PAUSE_MS);
    }
  }

  /** Resolves when it has ended; at once if it already has. */
  async stop(): Promise<void> {
    this.isStopping = true;
    const { child } = this;
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
    const ended = once(child, 'exit');
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT_MS);
    child.kill('SIGTERM');
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

  private readLog(): string {
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

/** Whether a server on this machine can listen there. */
export function isPortFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen({ host: '127.0.0.1', port }, () => probe.close(() => resolve(true)));
  });
}
