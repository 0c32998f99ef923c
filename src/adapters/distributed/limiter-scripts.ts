/** The limiter's operations in Redis: one Lua file each, behind what they share. Each is one atomic step. */
import type { Redis } from 'ioredis';
import { luaOf } from './lua.js';

const KEYS = 4;
/** What all begin with. */
const CLOCK = 'clock';
/** What those on one key share. */
const PERMITS = 'permits';
/** What the scripts are told in place of a rate. */
const NO_LIMIT = -1;
export const FREED_CHANNEL = 'freed';

/** What every operation is told; see `scripts/permits.lua`. */
export interface Statement {
  key: string;
  /** Epoch ms to go by instead of the server's clock; null in earnest. */
  now: number | null;
  held: number;
  unused: number;
  pauseMs: number;
}

/** What a look at a key shows. */
export interface PermitFigures {
  /** Permits out now, over all processes. */
  inUse: number;
  /** How long the key is paused still, ms. */
  pausedMs: number;
  /** How long until the rate allows more, ms. */
  rateMs: number;
}

export interface ScriptOptions {
  client: Redis;
  prefix: string;
  instanceId: string;
  aliveMs: number;
  recountMs: number;
}

type Script = (...args: Array<string | number>) => Promise<unknown>;

/** All reject when Redis is not there, or fails. */
export class LimiterScripts {
  /** Under what name this process holds permits. */
  instanceId: string;
  private readonly scripts: { acquire: Script; announce: Script; look: Script; answerFor: Script; callRoll: Script };

  constructor(private readonly options: ScriptOptions) {
    this.instanceId = options.instanceId;
    this.scripts = {
      acquire: this.define('acquire', KEYS, PERMITS),
      announce: this.define('announce', KEYS, PERMITS),
      look: this.define('look', KEYS, PERMITS),
      answerFor: this.define('answer-for', KEYS, PERMITS),
      callRoll: this.define('call-roll', 2),
    };
  }

  async acquire(
    statement: Statement,
    ask: { level: number; want: number; concurrency: number; perMinute: number | null },
  ): Promise<{ granted: number; opensIn: number }> {
    const { level, want, concurrency, perMinute } = ask;
    const asked = [level, want, concurrency, perMinute ?? NO_LIMIT];
    const reply = await this.scripts.acquire(...this.common(statement), ...asked);
    const [granted, opensIn] = reply as [number, number];
    return { granted, opensIn };
  }

  /** ms until permits may be had, -1 when one must come back first. */
  async announce(statement: Statement): Promise<number> {
    const channel = `${this.options.prefix}:${FREED_CHANNEL}`;
    return (await this.scripts.announce(...this.common(statement), channel, statement.key)) as number;
  }

  /** `perMinute`: the rate that is asked after; null for none. */
  async look(statement: Statement, perMinute: number | null): Promise<PermitFigures> {
    const reply = await this.scripts.look(...this.common(statement), perMinute ?? NO_LIMIT);
    const [inUse, pausedMs, rateMs] = reply as [number, number, number];
    return { inUse, pausedMs, rateMs };
  }

  /** On behalf of another instance. */
  async answerFor(statement: Statement, other: string, held: number): Promise<void> {
    await this.scripts.answerFor(...this.common(statement), other, held);
  }

  /** Those of the `others` that have not been there lately. `now`: see Statement. */
  async callRoll(now: number | null, others: readonly string[]): Promise<string[]> {
    const { prefix, aliveMs } = this.options;
    const keys = [`${prefix}:permits-roll`, `${prefix}:permits-since`];
    return (await this.scripts.callRoll(...keys, now ?? '', this.instanceId, aliveMs, ...others)) as string[];
  }

  private define(name: string, numberOfKeys: number, ...before: string[]): Script {
    const lua = luaOf(CLOCK, ...before, name);
    const command = `millraceLimiter:${name}`;
    // ioredis sends the script's hash, and the script itself where Redis does not know it (any more).
    this.options.client.defineCommand(command, { numberOfKeys, lua });
    const run = (this.options.client as unknown as Record<string, Script>)[command]!;
    return run.bind(this.options.client);
  }

  private common({ key, now, held, unused, pauseMs }: Statement): Array<string | number> {
    const { instanceId } = this;
    const { prefix, aliveMs, recountMs } = this.options;
    const base = `${prefix}:permits:${key}`;
    return [
      `${base}:held`,
      `${base}:state`,
      `${base}:given`,
      `${prefix}:permits-since`,
      now ?? '',
      instanceId,
      held,
      unused,
      Math.ceil(pauseMs),
      aliveMs,
      recountMs,
    ];
  }
}
