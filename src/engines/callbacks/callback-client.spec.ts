import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeClock } from '../../../test/support/fake-clock.js';
import type { AppConfig } from '../../config/app-config.js';
import { CallbackTargets } from '../../modules/callbacks/callback-targets.js';
import { CallbackClient } from './callback-client.js';
import { HostResolver } from './host-resolver.js';

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

const config = { callbackAllow: ['127.0.0.1'] } as unknown as AppConfig;
const clock = new FakeClock();
const KIB = 1024;

let client: CallbackClient;
let server: Server;
let requests: IncomingMessage[];
let answer: Answer;

beforeEach(async () => {
  client = new CallbackClient(new CallbackTargets(config), new HostResolver(config), clock);
  requests = [];
  server = createServer((request, response) => {
    requests.push(request);
    request.resume().once('end', () => answer(request, response));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});

afterEach(async () => {
  await client.onApplicationShutdown();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const url = () => `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook?x=1`;
const post = (deadlineMs?: number, to = url()) =>
  client.post({ url: to, headers: { 'webhook-id': 'c' }, body: '{"a":1}' }, new AbortController().signal, deadlineMs);

describe('a receiver', () => {
  it('gets JSON by POST, with the headers of the callback', async () => {
    answer = (_, response) => response.writeHead(204).end();
    expect(await post()).toEqual({ status: 204, retryAfterMs: null, text: '' });
    expect(requests[0]).toMatchObject({ method: 'POST', url: '/hook?x=1' });
    expect(requests[0]!.headers).toMatchObject({
      'content-type': 'application/json',
      'content-length': '7',
      'webhook-id': 'c',
      'user-agent': expect.stringMatching(/^millrace\/\d/),
    });
    expect(requests[0]!.headers).not.toHaveProperty('accept-encoding');
  });

  it('that sends us elsewhere is not followed', async () => {
    answer = (_, response) => response.writeHead(307, { location: url() }).end();
    expect(await post()).toMatchObject({ status: 307 });
    expect(requests).toHaveLength(1);
  });

  it.each([
    ['7', 7_000],
    [new Date(clock.now() + 60_000).toUTCString(), 60_000],
    [new Date(clock.now() - 60_000).toUTCString(), 0],
    ['soon', null],
    ['-5', null],
  ])('that says Retry-After: %s asks for %s ms', async (text, retryAfterMs) => {
    answer = (_, response) => response.writeHead(503, { 'retry-after': text }).end();
    expect(await post()).toMatchObject({ status: 503, retryAfterMs });
  });

  it('is quoted no further than the first KiB, as it wrote it', async () => {
    const packed = gzipSync('x'.repeat(100_000));
    answer = (_, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(packed);
    const { text } = await post();
    expect(text).toBe(packed.subarray(0, KIB).toString('utf8'));
  });

  it('that goes on and on is hung up on', async () => {
    const closed = new Promise<void>((resolve) => {
      answer = (_, response) => {
        response.writeHead(200).once('close', () => resolve());
        const pour = (): void => {
          while (response.write(Buffer.alloc(16 * KIB, 'x')));
          response.once('drain', pour);
        };
        pour();
      };
    });
    expect(await post()).toEqual({ status: 200, retryAfterMs: null, text: 'x'.repeat(KIB) });
    await closed;
  });

  it('that never answers is given up', async () => {
    answer = () => {};
    await expect(post(50)).rejects.toThrow('no answer within 0.05 s');
  });

  it('that stops in the middle of a body has answered', async () => {
    answer = (_, response) => void response.writeHead(201).write('par');
    expect(await post(100)).toEqual({ status: 201, retryAfterMs: null, text: 'par' });
  });

  it('that breaks off before it answers has not', async () => {
    answer = (request) => request.socket.destroy();
    await expect(post()).rejects.toThrow(/^the receiver could not be reached \((UND_ERR_SOCKET|ECONNRESET)\)$/);
  });

  it('that speaks no HTTP has not', async () => {
    answer = (request) => request.socket.end('220 smtp\r\n');
    await expect(post()).rejects.toThrow(
      'the receiver could not be reached (Response does not match the HTTP/1.1 protocol',
    );
  });

  it('that nobody runs has not', async () => {
    const gone = url();
    await new Promise((resolve) => server.close(resolve));
    await expect(post(undefined, gone)).rejects.toThrow('the receiver could not be reached (ECONNREFUSED)');
    server.listen(0);
  });

  it('that may not be reached is not called', async () => {
    const elsewhere = url().replace('127.0.0.1', '127.0.0.2');
    await expect(post(undefined, elsewhere)).rejects.toThrow(
      'not sent: the host has an address that is not public (loopback)',
    );
    expect(requests).toEqual([]);
  });

  it('is not waited for by who gave up', async () => {
    const stop = new AbortController();
    answer = () => stop.abort();
    await expect(client.post({ url: url(), headers: {}, body: '{}' }, stop.signal)).rejects.toThrow('aborted');
  });
});
