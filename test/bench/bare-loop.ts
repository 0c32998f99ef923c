/** The limit of a batch: the same requests by undici alone. */
import { Agent, request } from 'undici';
import { bodyOf } from './batch-client.js';

export interface Bare {
  perS: number;
  cpuUs: number;
}

export interface BareLoad {
  lines: number;
  inFlight: number;
  promptBytes: number;
}

/** The limit: no file, no store, no order, only the calls. */
export async function bareLoop(baseUrl: string, { lines, inFlight, promptBytes }: BareLoad): Promise<Bare> {
  const dispatcher = new Agent({ connections: inFlight, pipelining: 1 });
  const bodies = Array.from({ length: lines }, (_, line) => Buffer.from(bodyOf(line, promptBytes)));
  let next = 0;
  const loop = async () => {
    for (let body = bodies[next++]; body !== undefined; body = bodies[next++]) {
      const headers = { 'content-type': 'application/json' };
      const answer = await request(`${baseUrl}/chat/completions`, { method: 'POST', headers, body, dispatcher });
      await answer.body.text();
    }
  };
  const cpuBefore = process.cpuUsage();
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: inFlight }, loop));
  const seconds = (performance.now() - startedAt) / 1000;
  const { user, system } = process.cpuUsage(cpuBefore);
  await dispatcher.close();
  return { perS: lines / seconds, cpuUs: (user + system) / lines };
}
