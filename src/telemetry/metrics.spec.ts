import { describe, expect, it } from 'vitest';
import { MAX_LABEL_VALUES } from './bounded-labels.js';
import { METRICS, type MetricSpec } from './metric-names.js';
import { Metrics } from './metrics.js';

const make = () => new Metrics({ version: '1.2.3', mode: 'embedded' });
const SPECS: MetricSpec[] = Object.values(METRICS);

/** Lines of the metric called `name`, comments left out. */
async function series(metrics: Metrics, name: string): Promise<string[]> {
  const lines = (await metrics.render()).split('\n');
  return lines.filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
}

describe('metric names', () => {
  it('are those that the registry holds', async () => {
    const text = await make().render();
    const types = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => `${name} ${type}`);
    expect(types.sort()).toEqual(SPECS.map(({ name, type }) => `${name} ${type}`).sort());
  });

  it('follow the conventions', () => {
    for (const { name, type, labels, buckets = [], help } of SPECS) {
      expect(name).toMatch(/^(millrace|http_server)(_[a-z0-9]+)+$/);
      expect(name.endsWith('_total')).toBe(type === 'counter');
      expect(labels.filter((label) => /tenant|(^|_)id$/.test(label))).toEqual([]);
      expect(buckets.length > 0).toBe(type === 'histogram');
      expect(buckets).toEqual([...buckets].sort((a, b) => a - b));
      expect(help).toMatch(/\.$/);
    }
  });
});

describe('Metrics', () => {
  it('says what is running', async () => {
    expect(await series(make(), 'millrace_build_info')).toEqual([
      `millrace_build_info{version="1.2.3",mode="embedded",node="${process.version}"} 1`,
    ]);
  });

  it('counts by n', async () => {
    const metrics = make();
    metrics.tasksCreated.inc({ queue: 'default' });
    metrics.tasksCreated.inc({ queue: 'default' }, 499);
    metrics.leasesExpired.inc(3);
    expect(await series(metrics, 'millrace_tasks_created_total')).toEqual([
      'millrace_tasks_created_total{queue="default"} 500',
    ]);
    expect(await series(metrics, 'millrace_leases_expired_total')).toEqual(['millrace_leases_expired_total 3']);
  });

  it('sets gauges', async () => {
    const metrics = make();
    metrics.upstreamConcurrencyLimit.set({ upstream: 'default' }, 64);
    metrics.upstreamInFlight.inc({ upstream: 'default' }, 5);
    metrics.upstreamInFlight.dec({ upstream: 'default' });
    expect(await series(metrics, 'millrace_upstream_concurrency_limit')).toEqual([
      'millrace_upstream_concurrency_limit{upstream="default"} 64',
    ]);
    expect(await series(metrics, 'millrace_upstream_in_flight')).toEqual([
      'millrace_upstream_in_flight{upstream="default"} 4',
    ]);
  });

  it('sorts durations into buckets, fine ones for the store', async () => {
    const metrics = make();
    for (const seconds of [0.0001, 0.0004, 0.3, 2]) metrics.storeOpSeconds.observe({ op: 'lease' }, seconds);
    const buckets = await series(metrics, 'millrace_store_op_seconds_bucket');
    expect(buckets).toContain('millrace_store_op_seconds_bucket{le="0.0001",op="lease"} 1');
    expect(buckets).toContain('millrace_store_op_seconds_bucket{le="0.0005",op="lease"} 2');
    expect(buckets).toContain('millrace_store_op_seconds_bucket{le="1",op="lease"} 3');
    expect(buckets).toContain('millrace_store_op_seconds_bucket{le="+Inf",op="lease"} 4');
  });

  it('bounds its labels, the same way in every metric', async () => {
    const metrics = make();
    for (let at = 0; at < MAX_LABEL_VALUES + 50; at++) {
      metrics.tasksCreated.inc({ queue: `queue-${at}` });
      metrics.tasksCompleted.inc({ queue: `queue-${at}`, outcome: 'completed' });
      metrics.upstreamRequestSeconds.observe({ upstream: `up-${at}` }, 1);
      metrics.upstreamInFlight.inc({ upstream: `up-${at}` });
    }
    const created = await series(metrics, 'millrace_tasks_created_total');
    expect(created).toHaveLength(MAX_LABEL_VALUES + 1);
    expect(created).toContain('millrace_tasks_created_total{queue="other"} 50');
    const completed = await series(metrics, 'millrace_tasks_completed_total');
    expect(completed).toContain('millrace_tasks_completed_total{queue="other",outcome="completed"} 50');
    expect(await series(metrics, 'millrace_upstream_request_seconds_count')).toHaveLength(MAX_LABEL_VALUES + 1);
    expect(await series(metrics, 'millrace_upstream_in_flight')).toHaveLength(MAX_LABEL_VALUES + 1);
  });

  it('reads the process at each scrape', async () => {
    const metrics = make();
    const cpu = async () => Number((await series(metrics, 'millrace_process_cpu_seconds_total'))[0]?.split(' ')[1]);
    const before = await cpu();
    expect(before).toBeGreaterThan(0);
    expect(await cpu()).toBeGreaterThanOrEqual(before);
    const [memory] = await series(metrics, 'millrace_process_resident_memory_bytes');
    expect(Number(memory?.split(' ')[1])).toBeGreaterThan(1_000_000);
    expect(await series(metrics, 'millrace_event_loop_lag_seconds')).toHaveLength(3);
  });

  it('has a registry of its own', async () => {
    const [one, two] = [make(), make()];
    one.batchesCreated.inc();
    expect(await series(two, 'millrace_batches_created_total')).toEqual(['millrace_batches_created_total 0']);
    expect(one.contentType).toMatch(/^text\/plain/);
  });
});
