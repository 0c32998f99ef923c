import { describe, expect, it } from 'vitest';
import { retryPolicyOf } from '../../kernel/retry-policy.js';
import type { Queue } from './queue.js';
import { queueNamed, routeTask } from './routing.js';

const CHAT = '/v1/chat/completions';
let lastSeq = 0;

function queue(name: string, settings: Partial<Queue> = {}): Queue {
  lastSeq += 1;
  return {
    seq: lastSeq,
    id: `queue_${name}`,
    tenantSeq: 1,
    name,
    isShared: false,
    endpoint: null,
    models: [],
    consumers: new Set(),
    upstreamSeq: null,
    retry: retryPolicyOf(null),
    maxConcurrency: null,
    perMinute: null,
    hasEventbus: false,
    isPaused: false,
    ...settings,
  };
}

const DEFAULT = queue('default', { tenantSeq: 99, isShared: true });

function route(queues: Queue[], model: string | null = 'm', tenantSeq = 1): string | null {
  return routeTask([...queues, DEFAULT], { tenantSeq, endpoint: CHAT, model })?.name ?? null;
}

describe('routeTask', () => {
  it('prefers the queue that lists the model', () => {
    expect(route([queue('m'), queue('lists', { models: ['m'] })])).toBe('lists');
  });

  it('then the queue named like the model', () => {
    expect(route([queue('only', { endpoint: CHAT }), queue('m')])).toBe('m');
  });

  it('then the only queue of the endpoint', () => {
    expect(route([queue('only', { endpoint: CHAT })])).toBe('only');
    expect(route([queue('one', { endpoint: CHAT }), queue('two', { endpoint: CHAT })])).toBe('default');
  });

  it('then default, with or without a model', () => {
    expect(route([])).toBe('default');
    expect(route([], null)).toBe('default');
  });

  it('never takes a queue of another endpoint', () => {
    expect(route([queue('m', { endpoint: '/v1/embeddings', models: ['m'] })])).toBe('default');
  });

  it('never takes a queue that lists other models only', () => {
    expect(route([queue('only', { endpoint: CHAT, models: ['other'] })])).toBe('default');
    expect(route([queue('m', { models: ['other'] })])).toBe('default');
  });

  it("takes the caller's own queue before a shared one, and never another tenant's", () => {
    const shared = queue('shared', { tenantSeq: 2, isShared: true, models: ['m'] });
    const foreign = queue('foreign', { tenantSeq: 3, models: ['m'] });
    expect(route([foreign, shared, queue('own', { models: ['m'] })])).toBe('own');
    expect(route([foreign, shared])).toBe('shared');
    expect(route([foreign])).toBe('default');
  });

  it('puts default last, even when it lists the model and belongs to the caller', () => {
    const own = { ...DEFAULT, tenantSeq: 1, models: ['m'] };
    const query = { tenantSeq: 1, endpoint: CHAT, model: 'm' };
    expect(routeTask([own, queue('lists', { models: ['m'] })], query)?.name).toBe('lists');
  });

  it('finds nothing when default lists other models', () => {
    const strict = { ...DEFAULT, models: ['other'] };
    expect(routeTask([strict], { tenantSeq: 1, endpoint: CHAT, model: 'm' })).toBeNull();
  });
});

describe('queueNamed', () => {
  const queues = [queue('q', { tenantSeq: 2, isShared: true }), queue('q'), queue('secret', { tenantSeq: 3 })];

  it("is the caller's own, then a shared one", () => {
    expect(queueNamed(queues, 1, 'q')?.tenantSeq).toBe(1);
    expect(queueNamed(queues, 5, 'q')?.tenantSeq).toBe(2);
  });

  it("is never another tenant's", () => {
    expect(queueNamed(queues, 1, 'secret')).toBeNull();
  });
});
