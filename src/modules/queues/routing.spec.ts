import { describe, expect, it } from 'vitest';
import { retryPolicyOf } from '../../kernel/retry-policy.js';
import type { Consumer, Queue } from './queue.js';
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

  describe('where `default` has an upstream', () => {
    const served = { ...DEFAULT, consumers: new Set(['upstream'] as const) };
    const routed = (...queues: Queue[]) =>
      routeTask([...queues, served], { tenantSeq: 1, endpoint: CHAT, model: 'm' })?.name;
    const worked = (name: string, consumer: Consumer, settings: Partial<Queue> = {}) =>
      queue(name, { consumers: new Set([consumer]), ...settings });

    it('does not prefer a queue that nobody works off because of its endpoint', () => {
      expect(routed(queue('only', { endpoint: CHAT }))).toBe('default');
    });

    it('lets a task wait in a queue for its model, unless another one for it is worked off', () => {
      expect(routed(queue('lists', { models: ['m'] }))).toBe('lists');
      expect(routed(queue('m'))).toBe('m');
      expect(routed(queue('lists', { models: ['m'] }), worked('m', 'pull'))).toBe('m');
    });

    it('prefers a queue for workers that says what it is for, but not one that has the endpoint only', () => {
      expect(routed(worked('lists', 'pull', { models: ['m'] }))).toBe('lists');
      expect(routed(worked('m', 'pull'))).toBe('m');
      expect(routed(worked('only', 'pull', { endpoint: CHAT }))).toBe('default');
    });

    it.each(['upstream', 'handler'] as const)(
      'prefers the only queue of the endpoint, worked off by its %s',
      (kind) => {
        expect(routed(worked('only', kind, { endpoint: CHAT }))).toBe('only');
      },
    );

    it("takes a shared queue that is worked off before the caller's own that is not", () => {
      const shared = worked('shared', 'upstream', { tenantSeq: 2, isShared: true, models: ['m'] });
      expect(routed(shared, queue('own', { models: ['m'] }))).toBe('shared');
      expect(routed(shared, worked('own', 'pull', { models: ['m'] }))).toBe('own');
    });

    it('falls back on the queue for workers when `default` is for other models', () => {
      const strict = { ...served, models: ['other'] };
      const only = worked('only', 'pull', { endpoint: CHAT });
      expect(routeTask([only, strict], { tenantSeq: 1, endpoint: CHAT, model: 'm' })?.name).toBe('only');
    });
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
