/** The programs of examples/, run as their readers run them. */
import { join } from 'node:path';
import { ChildProgram } from './child-program.js';
import type { TestServer } from './server.js';

const ROOT = join(import.meta.dirname, '../..');

/** `name`: of the file. What it prints, and how it ends, is in the program. */
export function runExample(
  server: Pick<TestServer, 'url' | 'adminKey'>,
  name: string,
  args: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): ChildProgram {
  const inherited = Object.entries(process.env).filter(([variable]) => !variable.startsWith('MILLRACE_'));
  const account = { MILLRACE_URL: server.url, MILLRACE_API_KEY: server.adminKey, PYTHONUNBUFFERED: '1' };
  return new ChildProgram({
    ...(name.endsWith('.mjs') ? {} : { command: name.endsWith('.py') ? 'python3' : 'bash' }),
    args: [join(ROOT, 'examples', name), ...args],
    cwd: ROOT,
    env: { ...Object.fromEntries(inherited), ...account, ...env },
  });
}
