/** The simulator as an upstream of a test, in the test's own process, with its remote control. */
import type { SimStats } from '../../src/sim/sim-ledger.js';
import type { SimOptions } from '../../src/sim/sim-options.js';
import { startSim } from '../../src/sim/sim-server.js';

export interface TestSim {
  /** Base URL for clients, ending in `/v1`. */
  url: string;
  stats(): Promise<SimStats>;
  /** How often each `metadata.id` was called. */
  calls(): Promise<Record<string, number>>;
  /** Changes options, from the next call on. */
  change(options: Partial<SimOptions>): Promise<void>;
  close(): Promise<void>;
}

export async function startTestSim(options: Partial<SimOptions> = {}): Promise<TestSim> {
  const sim = await startSim(options);
  const ask = async <T>(path: string, init?: RequestInit): Promise<T> => {
    const response = await fetch(new URL(`/sim/${path}`, sim.url), init);
    if (!response.ok) throw new Error(`the simulator refused ${path}: ${await response.text()}`);
    return (await response.json()) as T;
  };
  return {
    url: sim.url,
    stats: () => ask('stats'),
    calls: () => ask('calls'),
    change: async (changes) => {
      await ask('options', { method: 'POST', body: JSON.stringify(changes) });
    },
    close: () => sim.close(),
  };
}
