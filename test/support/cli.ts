/** The compiled command line as a person or a script would run it. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { ChildProgram } from './child-program.js';
import type { TestServer } from './server.js';

export const CLI_ENTRY = join(import.meta.dirname, '../../dist/cli/main.js');

export interface CliResult {
  /** Exit code; null when a signal ended it. */
  code: number | null;
  stdout: string;
  stderr: string;
}

export interface CliOptions {
  /** Where it runs; relative paths start here. */
  cwd: string;
  env?: Readonly<Record<string, string>>;
}

/** Runs a command to its end. */
export function cli(args: readonly string[], options: CliOptions): Promise<CliResult> {
  const { cwd } = options;
  return new Promise((resolve) => {
    const whenDone = (error: Error | null, stdout: string, stderr: string) => {
      const code =
        error === null
          ? 0
          : typeof (error as { code?: unknown }).code === 'number'
            ? Number((error as { code?: unknown }).code)
            : null;
      resolve({ code, stdout, stderr });
    };
    execFile(
      process.execPath,
      [CLI_ENTRY, ...args],
      { cwd, env: environment(options), maxBuffer: 64 * 2 ** 20 },
      whenDone,
    );
  });
}

/** Starts a command and leaves it running. */
export function startCli(args: readonly string[], options: CliOptions): ChildProgram {
  return new ChildProgram({ args: [CLI_ENTRY, ...args], cwd: options.cwd, env: environment(options) });
}

/** Variables by which a command finds this server, from anywhere. */
export function towards(server: TestServer): Record<string, string> {
  return { MILLRACE_URL: server.url, MILLRACE_API_KEY: server.adminKey };
}

/** Colours are asked for, so that the specs see that none go into a pipe unless a terminal is there. */
function environment({ env = {} }: CliOptions): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('MILLRACE_'));
  return { ...Object.fromEntries(inherited), FORCE_COLOR: '1', ...env };
}
