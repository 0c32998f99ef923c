/** The server itself: whether one runs on the folder, and whether it says that it is ready. */
import { request } from 'undici';
import type { AppConfig } from '../../config/app-config.js';
import { isPortFree } from '../ports.js';
import { failed, ok, warning, type Finding } from './finding.js';

const TIMEOUT_MS = 5_000;

/** @param isRunning whether some process holds the folder; null: there is none that could tell */
export async function checkServer({ host, port }: AppConfig, isRunning: boolean | null): Promise<Finding> {
  if (isRunning === false)
    return port === 0 || (await isPortFree(port, host)) ? ok('server', 'not running') : portTaken(host, port);
  if (port === 0)
    return ok('server', `${isRunning === null ? 'perhaps ' : ''}running, on a port that the settings do not tell`);
  const url = `http://${nameOf(host)}:${port}`;
  const ready = await ask(`${url}/readyz`);
  if (ready === null) {
    if (isRunning === null)
      return (await isPortFree(port, host)) ? ok('server', 'not running here') : portTaken(host, port);
    const fix = 'run the doctor with the settings of the server, or look at its log';
    return warning('server', `one runs on the folder, but does not answer at ${url}`, fix);
  }
  if (ready.status === 200) return ok('server', `ready at ${url}`);
  return failed(
    'server',
    `${url} is not ready: ${ready.text.slice(0, 200)}`,
    'look at its log; restart it if this stays',
  );
}

function portTaken(host: string, port: number): Finding {
  const fix = 'stop the other program, or set MILLRACE_PORT to another port';
  return warning('server', `not running, and port ${port} of ${host} is taken by another program`, fix);
}

/** Null when nobody answers. */
async function ask(url: string): Promise<{ status: number; text: string } | null> {
  try {
    const { statusCode, body } = await request(url, { signal: AbortSignal.timeout(TIMEOUT_MS) });
    return { status: statusCode, text: await body.text() };
  } catch {
    return null; // that it does not answer is the answer
  }
}

function nameOf(host: string): string {
  if (host === '0.0.0.0' || host === '::') return '127.0.0.1';
  return host.includes(':') ? `[${host}]` : host;
}
