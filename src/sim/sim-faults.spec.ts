import OpenAI from 'openai';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { SimStats } from './sim-ledger.js';
import { startSim, type Sim } from './sim-server.js';

/** How often and how long to look for what the other end of a connection must come to notice. */
const PATIENCE = { interval: 5, timeout: 4_000 };

let sim: Sim;

beforeAll(async () => {
  sim = await startSim();
});

beforeEach(() => fetch(new URL('/sim/reset', sim.url), { method: 'POST' }));

afterAll(() => sim.close());

const messages = [{ role: 'user' as const, content: 'Compare oak and pine for floors' }];

function ask(words: string, more: object = {}, signal?: AbortSignal): Promise<Response> {
  const body = JSON.stringify({ model: 'm', messages, metadata: { sim: words }, ...more });
  return fetch(`${sim.url}/chat/completions`, { method: 'POST', body, ...(signal ? { signal } : {}) });
}

async function stats(): Promise<SimStats> {
  return (await (await fetch(new URL('/sim/stats', sim.url))).json()) as SimStats;
}

/** Waits until everything that came in has been settled. */
async function settled(): Promise<SimStats> {
  return vi.waitFor(async () => {
    const now = await stats();
    expect(now.inFlight).toBe(0);
    return now;
  }, PATIENCE);
}

describe('forced statuses', () => {
  it.each([
    ['status_400', 400, 'invalid_request_error', null],
    ['error_401', 401, 'invalid_request_error', 'invalid_api_key'],
    ['status_404', 404, 'invalid_request_error', 'model_not_found'],
    ['status_418', 418, 'invalid_request_error', null],
    ['status_429', 429, 'requests', 'rate_limit_exceeded'],
    ['status_500', 500, 'server_error', null],
    ['error_503', 503, 'service_unavailable_error', 'server_is_overloaded'],
  ])('%s', async (word, status, type, code) => {
    const response = await ask(word);
    expect(response.status).toBe(status);
    expect(await response.json()).toEqual({ error: { message: expect.any(String), type, param: null, code } });
    expect(response.headers.get('retry-after')).toBe(status === 429 ? '1' : null);
    expect((await stats()).byStatus).toEqual({ [status]: 1 });
  });

  it('once means the first time this body comes', async () => {
    expect((await ask('status_500_once')).status).toBe(500);
    expect((await ask('status_500_once')).status).toBe(200);
    expect((await ask('status_500_once', { temperature: 0 })).status).toBe(500);
    expect(await stats()).toMatchObject({ requests: 3, byStatus: { 200: 1, 500: 2 }, bodiesSeen: 2 });
  });

  it('keeps equal bodies to different endpoints apart', async () => {
    const body = JSON.stringify({ model: 'm', input: 'x', metadata: { sim: 'status_500_once' } });
    const post = async (path: string) => (await fetch(sim.url + path, { method: 'POST', body })).status;
    expect([await post('/responses'), await post('/embeddings'), await post('/moderations')]).toEqual([500, 500, 500]);
    expect([await post('/responses'), await post('/embeddings'), await post('/moderations')]).toEqual([200, 200, 200]);
  });

  it('lets an SDK retry its way through a 429', async () => {
    await fetch(new URL('/sim/options', sim.url), { method: 'POST', body: '{"retryAfterSeconds":0.01}' });
    const client = new OpenAI({ apiKey: 'any', baseURL: sim.url, maxRetries: 1 });
    const answer = await client.chat.completions.create({ model: 'm', messages, metadata: { sim: 'status_429_once' } });
    expect(answer.object).toBe('chat.completion');
    expect((await stats()).byStatus).toEqual({ 200: 1, 429: 1 });
    await fetch(new URL('/sim/options', sim.url), { method: 'POST', body: '{"retryAfterSeconds":1}' });
  });

  it.each(['status_200', 'status_600', 'explode', 'sleep_5', 'big_999999mb', ''])('refuses %j', async (word) => {
    const response = await ask(word);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { param: 'metadata.sim', code: 'invalid_value' } });
  });
});

describe('misbehaviour on the wire', () => {
  it('hang takes the request and keeps it until the client leaves', async () => {
    const leaving = new AbortController();
    const answer = ask('hang', {}, leaving.signal);
    await vi.waitFor(async () => expect((await stats()).inFlight).toBe(1), PATIENCE);
    leaving.abort();
    await expect(answer).rejects.toMatchObject({ name: 'AbortError' });
    expect((await settled()).byStatus).toEqual({ none: 1 });
  });

  it('drop closes the connection before any answer', async () => {
    await expect(ask('drop')).rejects.toBeInstanceOf(TypeError);
    expect((await settled()).byStatus).toEqual({ none: 1 });
    await expect(ask('drop_once')).rejects.toBeInstanceOf(TypeError);
    expect((await ask('drop_once')).status).toBe(200);
  });

  it('garbage is a 200 that is not JSON', async () => {
    const response = await ask('garbage');
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('application/json');
    await expect(response.json()).rejects.toBeInstanceOf(SyntaxError);

    const client = new OpenAI({ apiKey: 'any', baseURL: sim.url, maxRetries: 0, logLevel: 'off' });
    const body = { model: 'm', messages, metadata: { sim: 'garbage' }, stream: true as const };
    const stream = await client.chat.completions.create(body);
    await expect(stream[Symbol.asyncIterator]().next()).rejects.toBeInstanceOf(SyntaxError);
  });

  it('wrong_type is a page of HTML', async () => {
    const response = await ask('wrong_type');
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toContain('text/html');
    expect(await response.text()).toContain('<!doctype html>');
  });

  it.each([false, true])('reset breaks off in the middle, too (stream: %s)', async (stream) => {
    const response = await ask('reset', { stream });
    expect(response.status).toBe(200);
    await expect(response.text()).rejects.toMatchObject({ cause: { code: 'ECONNRESET' } });
    expect((await settled()).byStatus).toEqual({ 200: 1 });
  });

  it('drip sends a sound answer one byte after the other', async () => {
    const leaving = new AbortController();
    const response = await ask('drip', {}, leaving.signal);
    const reader = response.body!.getReader();
    expect(Number(response.headers.get('content-length'))).toBeGreaterThan(100);
    for (const byte of '{"') expect(new TextDecoder().decode((await reader.read()).value)).toBe(byte);
    leaving.abort();
    await expect(reader.read()).rejects.toMatchObject({ name: 'AbortError' });
    expect((await settled()).byStatus).toEqual({ 200: 1 });
  });

  it.each([false, true])('truncated breaks off in the middle (stream: %s)', async (stream) => {
    const whole = await (await ask('sleep_0ms', { stream })).text();
    const response = await ask('truncated', { stream });
    expect(response.status).toBe(200);
    const got: Buffer[] = [];
    const reading = (async () => {
      for await (const chunk of response.body!) got.push(Buffer.from(chunk));
    })();
    await expect(reading).rejects.toBeInstanceOf(TypeError);
    const bytes = Buffer.concat(got).length;
    expect(bytes).toBeGreaterThan(whole.length / 4);
    expect(bytes).toBeLessThan((whole.length * 3) / 4);
    // A plain answer has promised more; a stream has promised nothing, and only lacks its end.
    const promised = response.headers.get('content-length');
    expect(promised === null).toBe(stream);
    expect(Number(promised ?? Infinity)).toBeGreaterThan(bytes);
    expect((await settled()).byStatus).toEqual({ 200: 2 });
  });

  it.each([false, true])('endless goes on until the client leaves (stream: %s)', async (stream) => {
    const leaving = new AbortController();
    const response = await ask('endless', { stream }, leaving.signal);
    const reader = response.body!.getReader();
    let bytes = 0;
    while (bytes < 2 ** 21) bytes += (await reader.read()).value!.length;
    expect((await stats()).inFlight).toBe(1);
    leaving.abort();
    expect((await settled()).byStatus).toEqual({ 200: 1 });
  });
});

describe('time and size', () => {
  it('sleep holds back its own call and no other', async () => {
    const leaving = new AbortController();
    const asleep = ask('sleep_3600000ms', {}, leaving.signal);
    await vi.waitFor(async () => expect((await stats()).inFlight).toBe(1), PATIENCE);
    expect((await ask('sleep_10ms')).status).toBe(200);
    expect((await stats()).inFlight).toBe(1);
    leaving.abort();
    await expect(asleep).rejects.toMatchObject({ name: 'AbortError' });
    await settled();
  });

  it('sleeps before a fault as well', async () => {
    expect((await ask('slow_10ms, status_502')).status).toBe(502);
  });

  it.each([
    ['big_1', 1024],
    ['big_64kb', 64 * 1024],
    ['big_1mb', 1024 * 1024],
  ])('%s', async (word, length) => {
    const answer = (await (await ask(word)).json()) as OpenAI.ChatCompletion;
    expect(answer.choices[0]!.message.content).toHaveLength(length);
    expect(answer.usage!.completion_tokens).toBeGreaterThan(length / 10);
  });

  it('streams a big text in a bounded number of chunks', async () => {
    const client = new OpenAI({ apiKey: 'any', baseURL: sim.url, maxRetries: 0 });
    const body = { model: 'm', messages, metadata: { sim: 'big_256' }, stream: true as const };
    let [text, chunks] = ['', 0];
    for await (const chunk of await client.chat.completions.create(body)) {
      text += chunk.choices[0]?.delta.content ?? '';
      chunks += 1;
    }
    expect(text).toHaveLength(256 * 1024);
    expect(chunks).toBeLessThan(2_010);
  });
});
