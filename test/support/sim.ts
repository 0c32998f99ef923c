/** The simulator as an upstream of a test, in the test's own process, with its remote control. */
import type { SimStats } from '../../src/sim/sim-ledger.js';
import type { SimOptions } from '../../src/sim/sim-options.js';
import { startSim } from '../../src/sim/sim-server.js';

/** What a test can ask of a simulator that runs, wherever it runs. */
export interface SimControl {
  stats(): Promise<SimStats>;
  /** How often each `metadata.id` was called. */
  calls(): Promise<Record<string, number>>;
  /** Changes options, from the next call on. */
  change(options: Partial<SimOptions>): Promise<void>;
  /** Forgets calls and figures. */
  reset(): Promise<void>;
}

export interface TestSim extends SimControl {
  /** Base URL for clients, ending in `/v1`. */
  url: string;
  close(): Promise<void>;
}

export async function startTestSim(options: Partial<SimOptions> = {}): Promise<TestSim> {
  const sim = await startSim(options);
  return { url: sim.url, ...simControl(sim.url), close: () => sim.close() };
}

export function simControl(url: string): SimControl {
  const ask = async <T>(path: string, init?: RequestInit): Promise<T> => {
    const response = await fetch(new URL(`/sim/${path}`, url), init);
    if (!response.ok) throw new Error(`the simulator refused ${path}: ${await response.text()}`);
    return (await response.json()) as T;
  };
  return {
    stats: () => ask('stats'),
    calls: () => ask('calls'),
    change: async (changes) => {
      await ask('options', { method: 'POST', body: JSON.stringify(changes) });
    },
    reset: async () => {
      await ask('reset', { method: 'POST' });
    },
  };
}
