import { Counter, Histogram, Registry } from 'prom-client';
import { BoundedLabels } from './bounded-labels.js';
import { BoundedCounter, BoundedGauge, BoundedHistogram } from './bounded-metrics.js';
import { METRICS, type MetricSpec } from './metric-names.js';
import { registerProcessMetrics } from './process-metrics.js';

export interface BuildInfo {
  version: string;
  mode: string;
}

/**
 * What the server counts and times; `metric-names.ts` says what each one means. Counting n things is one `inc` by n.
 * The registry is its own, so that two servers in one process (tests) do not mix.
 */
export class Metrics {
  private readonly registry = new Registry();
  private readonly bounds = new BoundedLabels();

  /** In seconds, as all durations here. */
  readonly httpRequestSeconds = this.histogram(METRICS.httpRequestSeconds);
  readonly storeOpSeconds = this.histogram(METRICS.storeOpSeconds);
  readonly storeGroupSize = this.plainHistogram(METRICS.storeGroupSize);
  readonly tasksCreated = this.counter(METRICS.tasksCreated);
  readonly tasksCompleted = this.counter(METRICS.tasksCompleted);
  readonly tasksRetried = this.counter(METRICS.tasksRetried);
  readonly batchesCreated = this.plainCounter(METRICS.batchesCreated);
  readonly batchesEnded = this.counter(METRICS.batchesEnded);
  readonly batchLines = this.counter(METRICS.batchLines);
  readonly batchSeconds = this.plainHistogram(METRICS.batchSeconds);
  readonly tokens = this.counter(METRICS.tokens);
  readonly upstreamRequests = this.counter(METRICS.upstreamRequests);
  readonly upstreamRequestSeconds = this.histogram(METRICS.upstreamRequestSeconds);
  readonly upstreamConcurrencyLimit = this.gauge(METRICS.upstreamConcurrencyLimit);
  readonly upstreamInFlight = this.gauge(METRICS.upstreamInFlight);
  readonly leasesExpired = this.plainCounter(METRICS.leasesExpired);
  readonly staleCompletionsRejected = this.plainCounter(METRICS.staleCompletionsRejected);
  readonly callsLost = this.counter(METRICS.callsLost);
  readonly callQueuesRebuilt = this.plainCounter(METRICS.callQueuesRebuilt);
  readonly eventsLost = this.counter(METRICS.eventsLost);
  readonly streamedReports = this.counter(METRICS.streamedReports);
  readonly webhookDeliveries = this.counter(METRICS.webhookDeliveries);
  readonly webhookPending = this.gauge(METRICS.webhookPending);
  readonly leader = this.gauge(METRICS.leader);
  readonly filesUploaded = this.counter(METRICS.filesUploaded);
  readonly fileBytes = this.counter(METRICS.fileBytes);

  constructor({ version, mode }: BuildInfo) {
    this.gauge(METRICS.buildInfo).set({ version, mode, node: process.version }, 1);
    registerProcessMetrics(this.registry);
  }

  /** The `Content-Type` of `render`. */
  get contentType(): string {
    return this.registry.contentType;
  }

  /** All metrics in Prometheus' text format. */
  render(): Promise<string> {
    return this.registry.metrics();
  }

  private counter<L extends string>(spec: MetricSpec<L>): BoundedCounter<L> {
    return new BoundedCounter(spec, this.registry, this.bounds);
  }

  private gauge<L extends string>(spec: MetricSpec<L>): BoundedGauge<L> {
    return new BoundedGauge(spec, this.registry, this.bounds);
  }

  private histogram<L extends string>(spec: MetricSpec<L>): BoundedHistogram<L> {
    return new BoundedHistogram(spec, this.registry, this.bounds);
  }

  private plainCounter({ name, help }: MetricSpec<never>): Counter {
    return new Counter({ name, help, registers: [this.registry] });
  }

  private plainHistogram({ name, help, buckets = [] }: MetricSpec<never>): Histogram {
    return new Histogram({ name, help, buckets: [...buckets], registers: [this.registry] });
  }
}
