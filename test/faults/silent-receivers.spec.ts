/** Receivers that take a connection and never answer: nobody else's callbacks wait for them. */
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { callbackStateOf } from '../../src/kernel/callback-state.js';
import { ConsoleClient } from '../support/console.js';
import { Outbox } from '../support/outbox.js';
import { ScriptedUpstream } from '../support/scripted-upstream.js';
import { TestServer } from '../support/server.js';
import { until } from '../support/until.js';

/** Callbacks that each silent origin has to get. */
const EACH = 4;
const ORIGINS = 300;
/** Half of the time after which a call is given up. */
const PATIENCE_MS = 15_000;

let server: TestServer;
let outbox: Outbox;
let silent: Server;
let answering: ScriptedUpstream;
let fresh: ScriptedUpstream;
const TAKEN = () => ({ body: '{}' });
const sockets = new Set<Socket>();

beforeAll(async () => {
  server = await TestServer.start({ MILLRACE_CALLBACK_ALLOW: '127.0.0.0/8' });
  outbox = await Outbox.open(server.place);
  silent = createServer((socket) => void sockets.add(socket.on('error', () => {})));
  await new Promise<void>((resolve) => silent.listen(0, '0.0.0.0', resolve));
  [answering, fresh] = [await ScriptedUpstream.start(TAKEN), await ScriptedUpstream.start(TAKEN)];
});

afterAll(async () => {
  await outbox.close();
  await server.close();
  for (const socket of sockets) socket.destroy();
  await new Promise((resolve) => silent.close(resolve));
  await Promise.all([answering.close(), fresh.close()]);
});

const hookOf = ({ url }: ScriptedUpstream) => url.replace('/v1', '/hook');

function silentUrls(): string[] {
  const { port } = silent.address() as AddressInfo;
  const origins = Array.from(
    { length: ORIGINS },
    (_, n) => `http://127.0.${1 + Math.floor(n / 250)}.${1 + (n % 250)}:${port}/`,
  );
  return origins.flatMap((url) => Array.from({ length: EACH }, () => url));
}

it('hundreds of silent origins hold up neither another tenant nor an origin of their own tenant that answers', async () => {
  const hook = hookOf(answering);
  const reaches = async () => {
    const callback = await outbox.add(hook, '{}');
    const state = async () => callbackStateOf((await outbox.callback(callback)).state);
    await until(state, (seen) => seen === 'delivered', PATIENCE_MS);
  };
  await reaches();
  const admin = new ConsoleClient(server);
  for (const tenant of ['other', 'third']) await admin.post('keys', { name: tenant, tenant, scopes: ['files'] });
  await outbox.addPlain(silentUrls(), 'other');
  await outbox.addPlain(silentUrls(), 'default');
  await until(
    () => sockets.size,
    (seen) => seen >= 64,
  );
  await reaches();
  await outbox.addPlain([hookOf(fresh)], 'third');
  const count = () => fresh.requests.items.length;
  expect(await until(count, (seen) => seen > 0, PATIENCE_MS)).toBe(1);
});
