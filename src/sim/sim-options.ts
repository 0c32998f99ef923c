/**
 * What the simulator can be told, at its start (`startSim`, the flags of `sim`) or later (`POST /sim/options`).
 * Spans are milliseconds unless the name says seconds; rates are shares of the calls, 0 to 1.
 */
export interface SimOptions {
  /** Address to listen on. Only at the start. */
  host: string;
  /** Port to listen on; 0 takes any free one. Only at the start. */
  port: number;
  /** Integer behind every answer, latency and random fault: same seed, same behaviour. */
  seed: number;
  /** Model names that exist; others get a 404. Empty: every name is answered, and the list of models shows `sim`. */
  models: string[];
  /** Median time before a plain answer. 0: no timer at all. Streams have `timeToFirstTokenMs` instead. */
  latencyMs: number;
  /** 99th percentile of that time, log-normal above and below the median. Not above `latencyMs`: always the median. */
  latencyP99Ms: number;
  /** Time before the first token of a stream; its headers are sent at once. */
  timeToFirstTokenMs: number;
  /** Pace of the tokens of a stream (a token is a word here). 0: all at once. */
  tokensPerSecond: number;
  /** Calls in work at the same time; one more gets a 429 with `retry-after`. 0: no limit. */
  concurrencyLimit: number;
  /** Share of calls that get a 429 with `retry-after`. */
  rate429: number;
  /** Share of calls that get a 500. */
  rate500: number;
  /** Share of calls that are accepted and never answered. */
  rateHang: number;
  /** Share of calls answered 200 with a body that is not JSON. */
  rateGarbage: number;
  /** Share of calls whose answer breaks off in the middle, with the connection. */
  rateTruncated: number;
  /** What every 429 asks for, in `retry-after` (whole seconds, rounded up) and `retry-after-ms`. */
  retryAfterSeconds: number;
  /** When set, requests under `/v1` need `Authorization: Bearer <apiKey>`. */
  apiKey: string | null;
}

export const SIM_DEFAULTS: Readonly<SimOptions> = {
  host: '127.0.0.1',
  port: 0,
  seed: 1,
  models: [],
  latencyMs: 0,
  latencyP99Ms: 0,
  timeToFirstTokenMs: 0,
  tokensPerSecond: 0,
  concurrencyLimit: 0,
  rate429: 0,
  rate500: 0,
  rateHang: 0,
  rateGarbage: 0,
  rateTruncated: 0,
  retryAfterSeconds: 1,
  apiKey: null,
};

/** A timer beyond this would fire at once (Node keeps it in 32 bits). */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

type Check = (value: unknown) => boolean;
const isText: Check = (value) => typeof value === 'string' && value !== '';
const isRate: Check = (value) => typeof value === 'number' && value >= 0 && value <= 1;
const isSpan: Check = (value) => typeof value === 'number' && value >= 0 && value <= LONGEST_TIMER_MS;
const isCount: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 0;

/** Each option with its check and how to say what it must be. */
const RULES: Record<keyof SimOptions, [check: Check, must: string]> = {
  host: [isText, 'a host name or address'],
  port: [(value) => isCount(value) && (value as number) <= 65_535, 'a port number, or 0'],
  seed: [Number.isSafeInteger, 'an integer'],
  models: [(value) => Array.isArray(value) && value.every(isText), 'a list of model names'],
  latencyMs: [isSpan, 'milliseconds'],
  latencyP99Ms: [isSpan, 'milliseconds'],
  timeToFirstTokenMs: [isSpan, 'milliseconds'],
  tokensPerSecond: [(value) => typeof value === 'number' && value >= 0 && value < Infinity, 'a number >= 0'],
  concurrencyLimit: [isCount, 'a whole number, or 0 for no limit'],
  rate429: [isRate, 'a share from 0 to 1'],
  rate500: [isRate, 'a share from 0 to 1'],
  rateHang: [isRate, 'a share from 0 to 1'],
  rateGarbage: [isRate, 'a share from 0 to 1'],
  rateTruncated: [isRate, 'a share from 0 to 1'],
  retryAfterSeconds: [isSpan, 'seconds'],
  apiKey: [(value) => value === null || isText(value), 'a key, or null for none'],
};

const RATES = ['rate429', 'rate500', 'rateHang', 'rateGarbage', 'rateTruncated'] as const;

/**
 * `changes` over `base`, checked.
 *
 * @throws RangeError naming the first option that is unknown or has a wrong value
 */
export function resolveOptions(changes: Readonly<Record<string, unknown>>, base = SIM_DEFAULTS): SimOptions {
  for (const [name, value] of Object.entries(changes)) {
    const rule = Object.hasOwn(RULES, name) ? RULES[name as keyof SimOptions] : null;
    if (rule === null) throw new RangeError(`Unknown option '${name}'. Known are ${Object.keys(RULES).join(', ')}.`);
    if (!rule[0](value)) throw new RangeError(`Option '${name}' must be ${rule[1]}, not ${JSON.stringify(value)}.`);
  }
  const options: SimOptions = { ...base, ...changes };
  // Rounded, as 0.7 + 0.1 + 0.2 is a little more than 1.
  const total = Math.round(RATES.reduce((sum, rate) => sum + options[rate], 0) * 1e9) / 1e9;
  if (total > 1) throw new RangeError(`The fault rates add up to ${total}; together they cannot exceed 1.`);
  return options;
}
