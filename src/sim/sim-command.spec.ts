import { afterEach, describe, expect, it, vi } from 'vitest';
import { simCommand } from './sim-command.js';
import { SIM_DEFAULTS, type SimOptions } from './sim-options.js';

/** How often and how long to look for what the other end of a connection must come to notice. */
const PATIENCE = { interval: 5, timeout: 4_000 };

afterEach(() => {
  vi.restoreAllMocks();
});

/** Runs the command until it listens; `stop` does what the signal would do. */
async function run(flags: string[]): Promise<{ url: string; stop(signal: NodeJS.Signals): Promise<void> }> {
  const write = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  const ended = simCommand().parseAsync(flags, { from: 'user' });
  await vi.waitFor(() => expect(write).toHaveBeenCalled(), PATIENCE);
  const line = String(write.mock.calls[0]![0]);
  expect(line).toMatch(/^sim listening on http:\/\/127\.0\.0\.1:\d+\/v1\n$/);
  return {
    url: line.trim().split(' ').at(-1)!,
    // Only the newest listener: a real signal would end the test runner.
    stop: async (signal) => {
      process.listeners(signal).at(-1)!(signal);
      await ended;
    },
  };
}

/** Fails the command the way a terminal would see it: the text on stderr and the exit. */
async function fail(flags: string[]): Promise<string> {
  let text = '';
  const command = simCommand()
    .exitOverride()
    .configureOutput({ writeErr: (part) => (text += part) });
  await expect(command.parseAsync(flags, { from: 'user' })).rejects.toMatchObject({ exitCode: 1 });
  return text;
}

describe('sim', () => {
  it('hands every flag to the simulator', async () => {
    const expected: Partial<SimOptions> = {
      seed: 5,
      models: ['a', 'b'],
      latencyMs: 1,
      latencyP99Ms: 2.5,
      timeToFirstTokenMs: 3,
      tokensPerSecond: 4,
      concurrencyLimit: 6,
      rate429: 0.1,
      rate500: 0.2,
      rateHang: 0.05,
      rateGarbage: 0.15,
      rateTruncated: 0.25,
      retryAfterSeconds: 7,
      apiKey: 'sesame',
    };
    const flags = Object.entries(expected).flatMap(([name, value]) => [
      `--${name.replace(/[A-Z]|(?<=rate)\d/g, (char) => `-${char.toLowerCase()}`)}`,
      String(value),
    ]);
    const sim = await run([...flags, '--host', '127.0.0.1', '--port', '0']);
    const options = await (await fetch(new URL('/sim/options', sim.url))).json();
    expect(options).toEqual({ ...SIM_DEFAULTS, ...expected });
    await sim.stop('SIGTERM');
  });

  it.each(['SIGTERM', 'SIGINT'] as const)('ends on %s, hung calls and all, and leaves no listener', async (signal) => {
    const before = process.listenerCount(signal);
    const sim = await run([]);
    const body = JSON.stringify({ model: 'm', input: 'x', metadata: { sim: 'hang' } });
    const hanging = fetch(`${sim.url}/responses`, { method: 'POST', body }).catch((error: Error) => error);
    await vi.waitFor(async () => {
      const stats = (await (await fetch(new URL('/sim/stats', sim.url))).json()) as { inFlight: number };
      expect(stats.inFlight).toBe(1);
    }, PATIENCE);
    await sim.stop(signal);
    expect(await hanging).toBeInstanceOf(Error);
    await expect(fetch(`${sim.url}/models`)).rejects.toBeInstanceOf(TypeError);
    expect(process.listenerCount(signal)).toBe(before);
  });

  it('says what is wrong with a flag', async () => {
    expect(await fail(['--latency-ms', 'soon'])).toContain('--latency-ms');
    expect(await fail(['--rate-500', '2'])).toContain('rate500');
    expect(await fail(['--no-such-flag'])).toContain('--no-such-flag');
  });

  it('explains itself', () => {
    const help = simCommand().helpInformation();
    for (const flag of ['--port', '--seed', '--latency-ms', '--rate-429', '--api-key']) expect(help).toContain(flag);
    expect(help).toContain('default 127.0.0.1');
  });
});
