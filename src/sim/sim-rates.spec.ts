import { afterEach, describe, expect, it, vi } from 'vitest';
import { drawFault } from './sim-behaviour.js';
import type { SimStats } from './sim-ledger.js';
import { SIM_DEFAULTS, type SimOptions } from './sim-options.js';
import { fingerprint, mix, Random } from './sim-random.js';
import { startSim, type Sim } from './sim-server.js';

/** How often and how long to look for what the other end of a connection must come to notice. */
const PATIENCE = { interval: 5, timeout: 4_000 };

/** Never reached: long enough that only a client that leaves ends it. */
const FOREVER_MS = 3_600_000;

const started: Sim[] = [];

async function start(options: Partial<SimOptions>): Promise<Sim> {
  const sim = await startSim(options);
  started.push(sim);
  return sim;
}

afterEach(() => Promise.all(started.splice(0).map((sim) => sim.close())));

function ask(sim: Sim, content: string, signal?: AbortSignal): Promise<Response> {
  const body = JSON.stringify({ model: 'm', messages: [{ role: 'user', content }] });
  return fetch(`${sim.url}/chat/completions`, { method: 'POST', body, ...(signal ? { signal } : {}) });
}

async function stats(sim: Sim): Promise<SimStats> {
  return (await (await fetch(new URL('/sim/stats', sim.url))).json()) as SimStats;
}

describe('mix', () => {
  it('lets each bit of a fingerprint count, and the place of a value', () => {
    const single = Array.from({ length: 48 }, (_, bit) => mix(1, 2 ** bit));
    expect(new Set(single).size).toBe(48);
    expect(mix(1, 2)).not.toBe(mix(2, 1));
  });
});

describe('rates', () => {
  it('decide by seed and body, and anew when the body comes again', async () => {
    const options = { rate429: 0.3, rate500: 0.3 };
    const [one, two, other] = [
      await start({ seed: 3, ...options }),
      await start({ seed: 3, ...options }),
      await start({ seed: 4, ...options }),
    ];
    const names = Array.from({ length: 40 }, (_, index) => `line ${index}`);
    const statusesOf = async (sim: Sim, lines: string[]) => {
      const statuses: Record<string, number> = {};
      for (const line of lines) statuses[line] = (await ask(sim, line)).status;
      return statuses;
    };
    const first = await statusesOf(one, names);
    expect(new Set(Object.values(first))).toEqual(new Set([200, 429, 500]));
    expect(await statusesOf(two, names.toReversed())).toEqual(first);
    expect(await statusesOf(other, names)).not.toEqual(first);
    expect(await statusesOf(one, names)).not.toEqual(first);
  });

  it('come true over many draws', () => {
    const rates = { rate429: 0.1, rate500: 0.05, rateHang: 0.02, rateGarbage: 0.03, rateTruncated: 0.04 };
    const counts = new Map<unknown, number>();
    const calls = 50_000;
    for (let call = 0; call < calls; call += 1) {
      const fault = drawFault({ ...SIM_DEFAULTS, ...rates }, new Random(mix(1, fingerprint(1, `body ${call}`), 3, 0)));
      counts.set(fault, (counts.get(fault) ?? 0) + 1);
    }
    const expected = { 429: 0.1, 500: 0.05, hang: 0.02, garbage: 0.03, truncated: 0.04, null: 0.76 };
    for (const [fault, rate] of Object.entries(expected)) {
      const share = [...counts].find(([drawn]) => String(drawn) === fault)![1] / calls;
      expect(share).toBeGreaterThan(rate * 0.85);
      expect(share).toBeLessThan(rate * 1.15);
    }
  });

  it('of one reach every call', async () => {
    const garbage = await ask(await start({ rateGarbage: 1 }), 'x');
    await expect(garbage.json()).rejects.toBeInstanceOf(SyntaxError);
    const truncated = await ask(await start({ rateTruncated: 1 }), 'x');
    await expect(truncated.text()).rejects.toBeInstanceOf(TypeError);

    const hanging = await start({ rateHang: 1 });
    const leaving = new AbortController();
    const answer = ask(hanging, 'x', leaving.signal);
    await vi.waitFor(async () => expect((await stats(hanging)).inFlight).toBe(1), PATIENCE);
    leaving.abort();
    await expect(answer).rejects.toMatchObject({ name: 'AbortError' });
  });
});

describe('latency', () => {
  it('has the median and the 99th percentile that were asked for', () => {
    const random = new Random(5);
    const drawn = Array.from({ length: 20_000 }, () => random.logNormal(100, 800)).sort((a, b) => a - b);
    expect(drawn[10_000]).toBeGreaterThan(95);
    expect(drawn[10_000]).toBeLessThan(105);
    expect(drawn[19_800]).toBeGreaterThan(720);
    expect(drawn[19_800]).toBeLessThan(880);
    expect(drawn.at(-1)).toBeLessThanOrEqual(8_000);
    expect(random.logNormal(100, 0)).toBe(100);
  });

  it('holds an answer back', async () => {
    const sim = await start({ latencyMs: FOREVER_MS });
    const leaving = new AbortController();
    const answer = ask(sim, 'x', leaving.signal);
    await vi.waitFor(async () => expect((await stats(sim)).inFlight).toBe(1), PATIENCE);
    leaving.abort();
    await expect(answer).rejects.toMatchObject({ name: 'AbortError' });
    const short = await start({ latencyMs: 5, latencyP99Ms: 20 });
    expect((await ask(short, 'x')).status).toBe(200);
  });
});

describe('concurrency limit', () => {
  it('refuses one call too many, and takes it when another has ended', async () => {
    const sim = await start({ concurrencyLimit: 2, latencyMs: FOREVER_MS, retryAfterSeconds: 2.5 });
    const leaving = [new AbortController(), new AbortController()];
    const held = leaving.map(({ signal }, index) => ask(sim, `held ${index}`, signal));
    await vi.waitFor(async () => expect((await stats(sim)).inFlight).toBe(2), PATIENCE);

    const refused = await ask(sim, 'third');
    expect(refused.status).toBe(429);
    expect(refused.headers.get('retry-after')).toBe('3');
    expect(refused.headers.get('retry-after-ms')).toBe('2500');
    expect(await refused.json()).toMatchObject({ error: { type: 'requests', code: 'rate_limit_exceeded' } });

    await fetch(new URL('/sim/options', sim.url), { method: 'POST', body: '{"latencyMs":0}' });
    leaving[0]!.abort();
    await expect(held[0]).rejects.toMatchObject({ name: 'AbortError' });
    await vi.waitFor(async () => expect((await stats(sim)).inFlight).toBe(1), PATIENCE);
    expect((await ask(sim, 'third')).status).toBe(200);
    expect(await stats(sim)).toMatchObject({ requests: 4, inFlight: 1, maxInFlight: 3, bodiesSeen: 3 });
    leaving[1]!.abort();
    await expect(held[1]).rejects.toMatchObject({ name: 'AbortError' });
  });
});
