/** The simulator as a process of its own, which outlives the servers that a test kills, and can be killed itself. */
import { join } from 'node:path';
import type { SimOptions } from '../../src/sim/sim-options.js';
import { ChildProgram } from './child-program.js';
import { simControl, type SimControl } from './sim.js';

const ENTRY = join(import.meta.dirname, '../../dist/sim/main.js');
const ROOT = join(import.meta.dirname, '../..');
const LISTENING = /^sim listening on (\S+)$/;

export class SimProcess {
  private constructor(
    /** Base URL for clients, ending in `/v1`; it stays the same over restarts. */
    readonly url: string,
    readonly control: SimControl,
    private program: ChildProgram,
  ) {}

  static async start(options: Partial<SimOptions> = {}): Promise<SimProcess> {
    const program = launch('0');
    const url = await listening(program);
    const control = simControl(url);
    await control.change(options);
    return new SimProcess(url, control, program);
  }

  async kill(): Promise<void> {
    this.program.send('SIGKILL');
    await this.program.ended;
  }

  /** SIGSTOP, until SIGCONT, leaves its connections open and answers nothing. */
  send(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.program.send(signal);
  }

  /** Starts it again at the same address. It has forgotten everything, these options are all it knows. */
  async restart(options: Partial<SimOptions> = {}): Promise<void> {
    this.program = launch(new URL(this.url).port);
    await listening(this.program);
    await this.control.change(options);
  }

  async close(): Promise<void> {
    if (this.program.isRunning) await this.kill();
  }
}

function launch(port: string): ChildProgram {
  return new ChildProgram({ args: [ENTRY, '--port', port], cwd: ROOT, env: process.env });
}

function listening(program: ChildProgram): Promise<string> {
  return program.printed((line) => LISTENING.exec(line)?.[1] ?? null);
}
