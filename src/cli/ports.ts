/** Ports of this machine on which nobody listens yet. */
import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

const LOOPBACK = '127.0.0.1';
/** Below the ports from which Linux (32,768) and others open connections: one of those could hold it when it is restarted. */
const FIRST_PORT = 10_000;
const LAST_PORT = 32_000;

/** One of the loopback interface; somebody else may take it before the caller does. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(FIRST_PORT, LAST_PORT + 1);
    if (await isPortFree(port)) return port;
  }
}

/** Whether a server on this machine can listen there; `host` is an address or a name of its own. */
export function isPortFree(port: number, host = LOOPBACK): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen({ host, port }, () => probe.close(() => resolve(true)));
  });
}
