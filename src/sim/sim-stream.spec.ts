import OpenAI from 'openai';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { startSim, type Sim } from './sim-server.js';

/** How often and how long to look for what the other end of a connection must come to notice. */
const PATIENCE = { interval: 5, timeout: 4_000 };

/** Never reached: long enough that only a client that leaves ends it. */
const FOREVER_MS = 3_600_000;

const chat = { model: 'm', messages: [{ role: 'user' as const, content: 'Explain how lighthouses guide ships' }] };

let sim: Sim;
let client: OpenAI;

beforeEach(async () => {
  sim = await startSim();
  client = new OpenAI({ apiKey: 'any', baseURL: sim.url, maxRetries: 0 });
});

afterEach(() => sim.close());

async function setOptions(options: object): Promise<void> {
  const response = await fetch(new URL('/sim/options', sim.url), { method: 'POST', body: JSON.stringify(options) });
  expect(response.status).toBe(200);
}

async function inFlight(): Promise<number> {
  const response = await fetch(new URL('/sim/stats', sim.url));
  return ((await response.json()) as { inFlight: number }).inFlight;
}

function raw(path: string, body: object, signal?: AbortSignal): Promise<Response> {
  return fetch(sim.url + path, { method: 'POST', body: JSON.stringify(body), ...(signal ? { signal } : {}) });
}

describe('chat streams', () => {
  it('carries a text about the prompt, the role first and the reason last', async () => {
    const stream = await client.chat.completions.create({ ...chat, stream: true });
    const chunks = [];
    for await (const chunk of stream) chunks.push(chunk);
    expect(chunks[0]!.choices[0]!.delta).toMatchObject({ role: 'assistant', content: '' });
    expect(chunks.at(-1)!.choices[0]).toMatchObject({ delta: {}, finish_reason: 'stop' });
    const text = chunks.map((chunk) => chunk.choices[0]!.delta.content ?? '').join('');
    expect(text).toMatch(/lighthouses|guide|ships/);
    expect(chunks).toHaveLength(text.split(' ').length + 2);
    expect(new Set(chunks.map((chunk) => chunk.id)).size).toBe(1);
    expect('usage' in chunks[0]!).toBe(false);
  });

  it('ends with the usage when asked for, and with [DONE] exactly', async () => {
    const body = { ...chat, stream: true as const, stream_options: { include_usage: true } };
    const chunks = [];
    for await (const chunk of await client.chat.completions.create(body)) chunks.push(chunk);
    expect(chunks[0]!.usage).toBeNull();
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { prompt_tokens: 5 } });
    expect(chunks.at(-1)!.usage!.completion_tokens).toBe(chunks.length - 3);

    const response = await raw('/chat/completions', body);
    expect(response.headers.get('content-type')).toContain('text/event-stream');
    expect(await response.text()).toMatch(/^data: \{.*\}\n\ndata: \[DONE\]\n\n$/s);
  });

  it('sends its headers at once and nothing before the time to the first token', async () => {
    await setOptions({ timeToFirstTokenMs: FOREVER_MS, latencyMs: FOREVER_MS });
    const leaving = new AbortController();
    const response = await raw('/chat/completions', { ...chat, stream: true }, leaving.signal);
    expect(response.status).toBe(200);
    expect(await inFlight()).toBe(1);
    leaving.abort();
    await vi.waitFor(async () => expect(await inFlight()).toBe(0), PATIENCE);
  });

  it('paces the tokens: the first comes while the last is far away', async () => {
    await setOptions({ tokensPerSecond: 1 / FOREVER_MS });
    const stream = await client.chat.completions.create({ ...chat, stream: true });
    const iterator = stream[Symbol.asyncIterator]();
    expect((await iterator.next()).value!.choices[0]!.delta.role).toBe('assistant');
    expect((await iterator.next()).value!.choices[0]!.delta.content).toMatch(/^\S+ $/);
    expect(await inFlight()).toBe(1);
    stream.controller.abort();
    await vi.waitFor(async () => expect(await inFlight()).toBe(0), PATIENCE);
  });

  it('gives the same bytes with a pace as without', async () => {
    const ask = async () => (await raw('/chat/completions', { ...chat, stream: true })).text();
    const atOnce = await ask();
    await setOptions({ tokensPerSecond: 400, timeToFirstTokenMs: 5 });
    expect(await ask()).toBe(atOnce);
  });
});

describe('other streams', () => {
  it('streams responses as numbered events that the SDK puts together', async () => {
    const stream = client.responses.stream({ model: 'm', input: 'Describe suspension bridges' });
    const events: { type: string; sequence_number: number }[] = [];
    stream.on('event', (event) => events.push(event));
    const final = await stream.finalResponse();
    expect(final.status).toBe('completed');
    expect(final.output_text).toMatch(/Describe|suspension|bridges/);
    expect(final.usage!.output_tokens).toBe(final.output_text.split(' ').length);
    expect(events.map((event) => event.sequence_number)).toEqual(events.map((_, index) => index));
    const types = events.map((event) => event.type).filter((type) => type !== 'response.output_text.delta');
    expect(types).toEqual([
      'response.created',
      'response.in_progress',
      'response.output_item.added',
      'response.content_part.added',
      'response.output_text.done',
      'response.content_part.done',
      'response.output_item.done',
      'response.completed',
    ]);
  });

  it('announces a response before its first token', async () => {
    await setOptions({ timeToFirstTokenMs: FOREVER_MS });
    const stream = await client.responses.create({ model: 'm', input: 'x', stream: true });
    const first = await stream[Symbol.asyncIterator]().next();
    expect(first.value).toMatchObject({ type: 'response.created', response: { status: 'in_progress' } });
    stream.controller.abort();
  });

  it('streams legacy completions', async () => {
    const stream = await client.completions.create({ model: 'm', prompt: ['canals', 'rivers'], stream: true });
    const texts = ['', ''];
    const ends: number[] = [];
    for await (const { choices } of stream) {
      texts[choices[0]!.index] += choices[0]!.text;
      if (choices[0]!.finish_reason === 'stop') ends.push(choices[0]!.index);
    }
    expect(texts[0]).toContain('canals');
    expect(texts[1]).toContain('rivers');
    expect(ends).toEqual([0, 1]);
  });

  it('answers plainly where nothing can be streamed', async () => {
    const response = await raw('/embeddings', { model: 'm', input: 'x', dimensions: 4, stream: true });
    expect(await response.json()).toMatchObject({ object: 'list' });
  });
});
