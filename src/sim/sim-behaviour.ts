/**
 * How one call is to be treated: forced by the request itself, or drawn by the rates.
 *
 * A request forces it with `"metadata": {"sim": "…"}`, one or several of these words with commas between:
 *
 * | word                          | effect                                                                       |
 * | ----------------------------- | ---------------------------------------------------------------------------- |
 * | `status_NNN` or `error_NNN`   | that status (400 to 599) with OpenAI's error envelope; 429 has `retry-after` |
 * | `hang`                        | the request is taken and never answered                                      |
 * | `garbage`                     | 200 with a body that is not JSON (in a stream: an event that is not)         |
 * | `wrong_type`                  | 200 with a page of `text/html`                                               |
 * | `truncated`                   | 200 that breaks off half-way, with its connection                            |
 * | `reset`                       | the same, with a reset in place of an orderly end                            |
 * | `drop`                        | the connection is closed before any answer                                   |
 * | `drip`                        | 200 with a sound answer, at one byte a second                                |
 * | `endless`                     | 200 with a body that never ends                                              |
 * | any of these + `_once`        | only the first time that this very body comes; after that it is answered     |
 * | `sleep_NNNms` or `slow_NNNms` | this long before whatever follows, beside the usual latency                  |
 * | `big_N`, `big_Nkb`, `big_Nmb` | a text of that many kilobytes or megabytes                                   |
 *
 * `"metadata": {"id": "…"}` has the call counted under that name in `GET /sim/calls`.
 */
import { SimError } from './sim-error.js';
import type { SimOptions } from './sim-options.js';
import type { Random } from './sim-random.js';

/** An HTTP status to end with, or a way to misbehave. */
export type Fault = number | 'hang' | 'garbage' | 'wrong_type' | 'truncated' | 'reset' | 'drop' | 'drip' | 'endless';

export interface Behaviour {
  /** Null: the call is answered. */
  fault: Fault | null;
  sleepMs: number;
  /** Kilobytes of content; 0 for a short text. */
  kilobytes: number;
}

export const PLAIN_BEHAVIOUR: Readonly<Behaviour> = { fault: null, sleepMs: 0, kilobytes: 0 };

const FAULT_WORD =
  /^(?:(?:status|error)_([45]\d\d)|(hang|garbage|wrong_type|truncated|reset|drop|drip|endless))(_once)?$/;
const SLEEP_WORD = /^(?:sleep|slow)_(\d{1,7})ms$/;
const BIG_WORD = /^big_(\d{1,6})(kb|mb)?$/;

/** One answer is one string in memory, and a client has to take it too. */
const MOST_KILOBYTES = 256 * 1024;

/**
 * The behaviour that the words ask for, at the call after `earlierCalls` others with the same body.
 *
 * @throws SimError 400 for a word that is not known
 */
export function forcedBehaviour(words: string, earlierCalls: number): Behaviour {
  const behaviour: Behaviour = { ...PLAIN_BEHAVIOUR };
  for (const word of words.split(',').map((part) => part.trim())) {
    const fault = FAULT_WORD.exec(word);
    const sleep = SLEEP_WORD.exec(word);
    const big = BIG_WORD.exec(word);
    if (fault) {
      const isDue = fault[3] === undefined || earlierCalls === 0;
      if (isDue) behaviour.fault ??= fault[1] === undefined ? (fault[2] as Fault) : Number(fault[1]);
    } else if (sleep) {
      behaviour.sleepMs += Number(sleep[1]);
    } else if (big && Number(big[1]) * (big[2] === 'mb' ? 1024 : 1) <= MOST_KILOBYTES) {
      behaviour.kilobytes = Number(big[1]) * (big[2] === 'mb' ? 1024 : 1);
    } else {
      throw new SimError(400, `Unknown behaviour '${word}'. ${KNOWN_WORDS}`, 'invalid_value', 'metadata.sim');
    }
  }
  return behaviour;
}

const KNOWN_WORDS =
  'Known are status_400 to status_599, hang, garbage, wrong_type, truncated, reset, drop, drip and endless, each also with _once; ' +
  `sleep_<n>ms; big_<kilobytes> up to big_${MOST_KILOBYTES}.`;

/** Whether any rate is set; without one no number need be drawn. */
export function hasRates(options: SimOptions): boolean {
  return options.rate429 + options.rate500 + options.rateHang + options.rateGarbage + options.rateTruncated > 0;
}

/** The fault that the rates give to this draw, or null. */
export function drawFault(options: SimOptions, random: Random): Fault | null {
  const rates: [Fault, number][] = [
    [429, options.rate429],
    [500, options.rate500],
    ['hang', options.rateHang],
    ['garbage', options.rateGarbage],
    ['truncated', options.rateTruncated],
  ];
  let left = random.next();
  for (const [fault, rate] of rates) {
    if (left < rate) return fault;
    left -= rate;
  }
  return null;
}
