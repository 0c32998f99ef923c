/**
 * Chance that repeats itself: every number is drawn from the seed and from what was asked, never from the clock or
 * from the order in which requests arrive.
 */
import { hash } from 'node:crypto';

const TWO_32 = 2 ** 32;

/** 48 bits that stand for `bytes` sent to the endpoint with this `salt` (0 to 65,535), as one exact number. */
export function fingerprint(salt: number, bytes: Uint8Array | string): number {
  const digest = hash('sha1', bytes, 'buffer');
  return (digest.readUInt16BE(0) ^ salt) * TWO_32 + digest.readUInt32BE(2);
}

/** Mixes integers up to 2^53 into 32 bits; each bit of each value counts (the finalizer of MurmurHash3). */
export function mix(...values: number[]): number {
  let state = 0x9e3779b9;
  for (const value of values) {
    state = scramble(state ^ (value >>> 0));
    state = scramble(state + Math.floor(value / TWO_32));
  }
  return state >>> 0;
}

function scramble(value: number): number {
  let bits = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return bits ^ (bits >>> 16);
}

/** A small, fast generator (mulberry32). Good enough for make-believe, useless for secrets. */
export class Random {
  constructor(private state: number) {}

  /** The next number in [0, 1). */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let bits = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits;
    return ((bits ^ (bits >>> 14)) >>> 0) / TWO_32;
  }

  /** One of a list that is not empty. */
  pick<T>(list: readonly T[]): T {
    return list[Math.floor(this.next() * list.length)]!;
  }

  /** A time with this median and 99th percentile, log-normal, at most ten times the latter. */
  logNormal(p50: number, p99: number): number {
    if (p99 <= p50) return p50;
    const sigma = Math.log(p99 / p50) / Z_OF_P99;
    const normal = Math.sqrt(-2 * Math.log(1 - this.next())) * Math.cos(2 * Math.PI * this.next());
    return Math.min(p50 * Math.exp(sigma * normal), 10 * p99);
  }
}

/** Standard deviations from the median to the 99th percentile of a normal distribution. */
const Z_OF_P99 = 2.3263;
