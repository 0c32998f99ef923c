import { EventEmitter } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Exchange } from './sim-exchange.js';
import { SimLedger } from './sim-ledger.js';

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

describe('Exchange', () => {
  it('drops its timer when the client leaves, so that a stopped simulator leaves nothing behind', () => {
    const ledger = new SimLedger();
    const response = new EventEmitter();
    const exchange = new Exchange({} as IncomingMessage, response as ServerResponse, ledger);
    const next = vi.fn<() => void>();
    exchange.later(60_000, next);
    expect(vi.getTimerCount()).toBe(1);

    response.emit('close');
    expect(vi.getTimerCount()).toBe(0);
    vi.advanceTimersByTime(120_000);
    expect(next).not.toHaveBeenCalled();
    expect(ledger.stats()).toMatchObject({ inFlight: 0, byStatus: { none: 1 } });
  });

  it('goes on after the time when the client stays', () => {
    const response = new EventEmitter();
    const exchange = new Exchange({} as IncomingMessage, response as ServerResponse, new SimLedger());
    const next = vi.fn<() => void>();
    exchange.later(60_000, next);
    vi.advanceTimersByTime(59_999);
    expect(next).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(next).toHaveBeenCalledOnce();
  });
});
