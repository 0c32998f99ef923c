import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Counter, Gauge, type Registry } from 'prom-client';
import { METRICS } from './metric-names.js';

const LAG_RESOLUTION_MS = 10;
const LAG_QUANTILES = [0.5, 0.99, 1];

/** Registers what is read from the process at each scrape, instead of counted as it happens. */
export function registerProcessMetrics(registry: Registry): void {
  for (const metric of [cpuCounter(), memoryGauge(), eventLoopGauge()]) registry.registerMetric(metric);
}

function cpuCounter(): Counter {
  const { name, help } = METRICS.processCpu;
  return new Counter({
    name,
    help,
    registers: [],
    collect() {
      const { user, system } = process.cpuUsage();
      this.reset();
      this.inc((user + system) / 1e6);
    },
  });
}

function memoryGauge(): Gauge {
  const { name, help } = METRICS.processMemory;
  return new Gauge({
    name,
    help,
    registers: [],
    collect() {
      this.set(process.memoryUsage.rss());
    },
  });
}

function eventLoopGauge(): Gauge {
  const { name, help, labels } = METRICS.eventLoopLag;
  const delays = monitorEventLoopDelay({ resolution: LAG_RESOLUTION_MS });
  delays.enable();
  return new Gauge({
    name,
    help,
    labelNames: labels,
    registers: [],
    collect() {
      for (const quantile of LAG_QUANTILES) {
        // What is measured is the time between two rounds, of which the resolution is not lateness.
        const lagMs = delays.percentile(quantile * 100) / 1e6 - LAG_RESOLUTION_MS;
        this.set({ quantile: String(quantile) }, Math.max(0, lagMs) / 1e3);
      }
      delays.reset();
    },
  });
}
