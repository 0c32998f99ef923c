import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { SIM_DEFAULTS } from './sim-options.js';
import { startSim, type Sim } from './sim-server.js';

/** How often and how long to look for what the other end of a connection must come to notice. */
const PATIENCE = { interval: 5, timeout: 4_000 };

let sim: Sim;

beforeEach(async () => {
  sim = await startSim({ apiKey: 'sesame' });
});

afterEach(() => sim.close());

async function admin(method: string, path: string, body?: object): Promise<{ status: number; body: unknown }> {
  const url = new URL(`/sim/${path}`, sim.url);
  const response = await fetch(url, { method, ...(body ? { body: JSON.stringify(body) } : {}) });
  return { status: response.status, body: await response.json() };
}

function call(metadata: object, key = 'sesame', signal?: AbortSignal): Promise<Response> {
  return fetch(`${sim.url}/responses`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}` },
    body: JSON.stringify({ model: 'm', input: 'x', metadata }),
    ...(signal ? { signal } : {}),
  });
}

describe('counting', () => {
  it('tells how often each id was called, faults included and refusals not', async () => {
    await call({ id: 'a' });
    await call({ id: 'a' });
    await call({ id: 'b', sim: 'status_500' });
    await expect(call({ id: '__proto__', sim: 'drop' })).rejects.toBeInstanceOf(TypeError);
    await call({ id: 'c' }, 'wrong');
    const { body } = await admin('GET', 'calls');
    expect(Object.entries(body as object)).toEqual([
      ['a', 2],
      ['b', 1],
      ['__proto__', 1],
    ]);
  });

  it('adds up: requests are those answered, those without an answer and those in flight', async () => {
    const leaving = new AbortController();
    const hanging = call({ sim: 'hang' }, 'sesame', leaving.signal);
    await call({});
    await call({}, 'wrong');
    await call({ sim: 'status_404' });
    await expect(call({ sim: 'drop' })).rejects.toBeInstanceOf(TypeError);
    await vi.waitFor(
      async () =>
        expect((await admin('GET', 'stats')).body).toEqual({
          requests: 5,
          byStatus: { 200: 1, 401: 1, 404: 1, none: 1 },
          inFlight: 1,
          maxInFlight: 2,
          bodiesSeen: 4,
        }),
      PATIENCE,
    );
    leaving.abort();
    await expect(hanging).rejects.toMatchObject({ name: 'AbortError' });
  });

  it('forgets on reset, but not what is in flight', async () => {
    const leaving = new AbortController();
    const hanging = call({ id: 'h', sim: 'hang' }, 'sesame', leaving.signal);
    await call({ id: 'x', sim: 'status_500_once' });
    await vi.waitFor(async () =>
      expect((await admin('GET', 'stats')).body).toMatchObject({ requests: 2, inFlight: 1 }),
    );
    expect((await admin('POST', 'reset')).status).toBe(200);
    expect((await admin('GET', 'calls')).body).toEqual({});
    const empty = { requests: 1, byStatus: {}, inFlight: 1, maxInFlight: 1, bodiesSeen: 0 };
    expect((await admin('GET', 'stats')).body).toEqual(empty);
    expect((await call({ id: 'x', sim: 'status_500_once' })).status).toBe(500);
    leaving.abort();
    await expect(hanging).rejects.toMatchObject({ name: 'AbortError' });
  });
});

describe('options at run time', () => {
  it('change from the next call on, the others stay', async () => {
    const changed = await admin('POST', 'options', { rate500: 1, seed: 9 });
    expect(changed).toEqual({
      status: 200,
      body: { ...SIM_DEFAULTS, apiKey: 'sesame', rate500: 1, seed: 9 },
    });
    expect((await admin('GET', 'options')).body).toEqual(changed.body);
    expect((await call({})).status).toBe(500);
    await admin('POST', 'options', { rate500: 0, apiKey: null });
    expect((await call({}, 'any')).status).toBe(200);
  });

  it.each([{ rate500: 2 }, { nonsense: 1 }, { port: 1 }, { rate429: 0.6, rate500: 0.6 }])(
    'refuses %j',
    async (body) => {
      const before = (await admin('GET', 'options')).body;
      expect((await admin('POST', 'options', body)).status).toBe(400);
      expect((await admin('GET', 'options')).body).toEqual(before);
    },
  );

  it('answers an unknown control with a 404', async () => {
    expect((await admin('GET', 'nothing')).status).toBe(404);
    expect((await admin('GET', 'reset')).status).toBe(404);
  });
});
