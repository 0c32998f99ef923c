/**
 * Where the demo plays: a folder, a simulator that stands in for a model, and a server that calls it. The server gets
 * its settings from here alone, neither from the environment nor from a `.env` file.
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CliError } from '../cli-error.js';
import type { DemoOptions } from '../commands/demo.command.js';
import { isPortFree } from '../ports.js';
import { RunningProgram } from './demo-processes.js';

export interface DemoServer {
  /** Such as `http://127.0.0.1:8080`. */
  url: string;
  key: string;
  keyPath: string;
  logPath: string;
}

const SIM_FILE = fileURLToPath(new URL('../../sim/main.js', import.meta.url));
const SERVER_FILE = fileURLToPath(new URL('../../main.js', import.meta.url));

/** About what a small model takes for a short answer; slow enough for the bar to be seen moving. */
const SIM_ARGS = ['--latency-ms', '600', '--latency-p99-ms', '1800'];
const CONCURRENCY = '64';
const USUAL_PORT = 8080;
/** Where the server keeps the key that it makes at its first start. */
const KEY_FILE = 'admin.key';
const SIM_LOG = 'sim.log';

/** Everything that was opened is closed by `close`, and by the end of this process should it never get there. */
export class DemoStage {
  /** Absolute. */
  readonly folder: string;
  private readonly isTemporary: boolean;
  private readonly programs: { stop: () => Promise<void> }[] = [];
  /** URLs of the servers that are ready for work, by name. */
  private readonly up = new Map<string, string>();
  /** Told what becomes of servers that are started again; null while the demo ends with any of them. */
  private tell: ((text: string) => void) | null = null;
  /** Ends the demo when a program ends that nobody stopped. */
  readonly onDeath = (death: CliError): void => this.ending.abort(death);

  /**
   * @param ending aborts whatever is waited for; a program that dies aborts it too
   * @throws CliError when the chosen folder holds something else
   */
  constructor(
    private readonly options: DemoOptions,
    private readonly ending: AbortController,
  ) {
    this.isTemporary = options.dataDir === null;
    this.folder = options.dataDir === null ? makeTemporaryFolder() : prepareFolder(resolve(options.dataDir));
  }

  /** Aborted when the demo ends. */
  get signal(): AbortSignal {
    return this.ending.signal;
  }

  /** Resolves with the simulator's OpenAI base URL when it listens. */
  startSim(): Promise<string> {
    return this.start('sim', [SIM_FILE, ...SIM_ARGS], {}).url(this.signal);
  }

  /** Resolves when the server is ready for work. */
  async startServer(upstreamUrl: string): Promise<DemoServer> {
    const settings = { MILLRACE_PORT: String(await this.choosePort()), MILLRACE_UPSTREAM_URL: upstreamUrl };
    const url = await this.ready(this.launch('server', settings));
    const keyPath = join(this.folder, KEY_FILE);
    return { url, key: readFileSync(keyPath, 'utf8').trim(), keyPath, logPath: join(this.folder, 'server.log') };
  }

  /** From now on a server that ends by itself is started again at its place, and `tell` gets a line about it. */
  keepUp(tell: (text: string) => void): void {
    this.tell = tell;
  }

  /** Starts a server, which is not waited for. */
  launch(name: string, settings: Record<string, string>): RunningProgram {
    const onDeath = (death: CliError): void => void this.mend(name, settings, death);
    const all = {
      MILLRACE_HOST: '127.0.0.1',
      MILLRACE_PORT: '0',
      MILLRACE_DATA_DIR: this.folder,
      MILLRACE_UPSTREAM_CONCURRENCY: CONCURRENCY,
      MILLRACE_LOG_FORMAT: 'pretty',
      NO_COLOR: '1', // The log goes to a file.
      MILLRACE_MIN_FREE_DISK: '32MiB', // All that a demo writes is a few of them.
      MILLRACE_SHUTDOWN_GRACE: '1s', // Nobody misses the answers of the simulator.
      ...settings,
    };
    return this.start(name, [SERVER_FILE], all, onDeath);
  }

  /** Resolves with its URL when it is ready for work. */
  async ready(server: RunningProgram): Promise<string> {
    const url = await server.url(this.signal);
    await server.answer(`${url}/readyz`, this.signal);
    this.up.set(server.name, url);
    return url;
  }

  /** Stops the server, then what it calls, and removes the folder if it was made for this demo. */
  async close(): Promise<void> {
    for (const program of this.programs.toReversed()) await program.stop();
    if (this.isTemporary) rmSync(this.folder, { recursive: true, force: true });
  }

  /** Starts a program of ours in the folder, its log named like it. `settings` are all it gets of `MILLRACE_…` variables. */
  start(
    name: string,
    [file, ...args]: readonly string[],
    settings: Record<string, string>,
    onDeath = this.onDeath,
  ): RunningProgram {
    const logPath = join(this.folder, `${name}.log`);
    const env = { ...environment(), ...settings };
    const program = { name, args: [file!, ...args], env, folder: this.folder, logPath };
    return this.keep(RunningProgram.start(program, onDeath));
  }

  private async mend(name: string, settings: Record<string, string>, death: CliError): Promise<void> {
    const url = this.up.get(name);
    this.up.delete(name);
    // One that ends before it was ready would do so again.
    if (this.tell === null || url === undefined) return this.onDeath(death);
    const [what] = death.message.split('. The end of its log');
    this.tell(`${what}; it is started again ...`);
    try {
      await this.ready(this.launch(name, { ...settings, MILLRACE_PORT: new URL(url).port }));
      this.tell(`The ${name} is back at ${url}.`);
    } catch (error) {
      this.ending.abort(error);
    }
  }

  /** Has it stopped with the demo, before what was kept earlier. */
  keep<T extends { stop: () => Promise<void> }>(program: T): T {
    this.programs.push(program);
    return program;
  }

  /** For the server that visitors talk to; 0 lets it take any free one. */
  async choosePort(): Promise<number> {
    const { port } = this.options;
    if (port === null) return (await isPortFree(USUAL_PORT)) ? USUAL_PORT : 0;
    if (await isPortFree(port)) return port;
    throw new CliError(`Port ${port} is taken; leave out --port to get a free one.`);
  }
}

function makeTemporaryFolder(): string {
  const path = mkdtempSync(join(tmpdir(), 'millrace-demo-'));
  process.once('exit', () => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** A server that is in use would be turned to the simulator, so only what is empty or of a demo already will do. */
function prepareFolder(path: string): string {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  const names = readdirSync(path);
  if (names.length === 0 || names.includes(SIM_LOG)) return path;
  throw new CliError(`${path} is in use; --data-dir takes a new folder, or that of an earlier demo.`);
}

/** What the programs need of our environment: all but the settings of some other server. */
function environment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('MILLRACE_')));
}
