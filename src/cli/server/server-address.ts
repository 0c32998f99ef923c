/** Which server a command talks to, and with which key. */
import { readFileSync } from 'node:fs';
import { isIPv4 } from 'node:net';
import { join } from 'node:path';
import { Option, type Command } from 'commander';
import { CliError, EXIT } from '../cli-error.js';

/** What `addServerOptions` gives to a command. */
export interface ServerOptions {
  url?: string;
  key?: string;
}

export interface ServerAddress {
  /** Without a path, such as `http://127.0.0.1:8080`. */
  url: string;
  /** Null: none was found, and the server may not want one. */
  key: string | null;
}

export const HELP_ON_SERVERS = `
Which server: --url, else MILLRACE_URL, else the one that the settings of this folder describe.
Which key: --key, else MILLRACE_API_KEY, else the admin key of that server when it is on this machine.`;

export function addServerOptions(command: Command): Command {
  return command
    .addOption(new Option('--url <url>', 'base URL of the server').env('MILLRACE_URL'))
    .addOption(new Option('--key <key>', 'API key; better in MILLRACE_API_KEY, where no list of processes shows it'))
    .addHelpText('after', HELP_ON_SERVERS);
}

/** @throws CliError for a URL that is none; ConfigError if the settings are needed and wrong */
export async function findServer(given: ServerOptions): Promise<ServerAddress> {
  const key = given.key ?? (process.env['MILLRACE_API_KEY'] || null);
  if (given.url !== undefined) {
    const url = cleanUrl(given.url);
    return { url, key: key ?? (isOnThisMachine(url) ? await localKey() : null) };
  }
  const { loadConfigFromProcess } = await import('../../config/load-config.js');
  const { host, port } = loadConfigFromProcess();
  if (port === 0) throw new CliError('The settings let the server take any port; say with --url which it took.');
  const name = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
  const url = `http://${name.includes(':') ? `[${name}]` : name}:${port}`;
  return { url, key: key ?? (await localKey()) };
}

/** `/v1` at the end is what OpenAI's clients are given; it is taken off here. */
export function cleanUrl(text: string): string {
  const cut = text.replace(/\/+$/, '').replace(/\/v1$/, '');
  if (/^https?:\/\/[^\s/?#]/i.test(cut) && URL.canParse(cut)) return cut;
  throw new CliError(`--url takes a URL such as http://127.0.0.1:8080, not '${text}'.`, EXIT.usage);
}

/** The admin key of a server is for that server alone: it goes to no other machine unasked. */
function isOnThisMachine(url: string): boolean {
  const { hostname } = new URL(url);
  return ['localhost', '[::1]'].includes(hostname) || (isIPv4(hostname) && hostname.startsWith('127.'));
}

async function localKey(): Promise<string | null> {
  const { loadConfigFromProcess } = await import('../../config/load-config.js');
  const { adminKey, dataDir } = loadConfigFromProcess();
  if (adminKey !== null) return adminKey;
  try {
    return readFileSync(join(dataDir, 'admin.key'), 'utf8').trim();
  } catch (error) {
    // No server has run here, or it belongs to somebody else: the server that is asked says whether it wants a key.
    if (['ENOENT', 'EACCES'].includes((error as NodeJS.ErrnoException).code ?? '')) return null;
    throw error;
  }
}
