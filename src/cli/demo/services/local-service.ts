import type { RunningProgram } from '../demo-processes.js';

/** A service that runs on this machine, on a port of its own, and can be treated as services are treated in real life. */
export abstract class LocalService {
  protected constructor(
    readonly port: number,
    private program: RunningProgram,
  ) {}

  get pid(): number {
    return this.program.pid;
  }

  /** Ends it as an operator would. */
  stop(): Promise<void> {
    return this.program.stop();
  }

  /** Ends it as a power cut would; resolves when the process is gone. */
  kill(): Promise<void> {
    return this.program.stop('SIGKILL');
  }

  /** Freezes it: connections stay open and nothing answers. */
  pause(): void {
    this.program.send('SIGSTOP');
  }

  resume(): void {
    this.program.send('SIGCONT');
  }

  /** Goes on with a program that was started after the last one had ended. */
  protected goOnWith(program: RunningProgram): void {
    this.program = program;
  }
}

/** Resolves with the program once it is up; one that does not come up is ended. */
export async function onceUp(
  program: RunningProgram,
  isUp: () => Promise<unknown>,
  signal: AbortSignal,
): Promise<RunningProgram> {
  try {
    await program.waitFor('answer', isUp, signal);
    return program;
  } catch (error) {
    await program.stop('SIGKILL');
    throw error;
  }
}
