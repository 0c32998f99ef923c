/**
 * Why the ready tasks of a lane are not taken, in a sentence. Serves one look at the lanes: what it needs to know of each is
 * read when it is first asked for, and once.
 */
import { counted, wordFor } from '../../kernel/counted.js';
import type { Limiter } from '../../ports/limiter.js';
import { permitKeyOf, type Upstream } from '../upstreams/upstream.js';
import type { UpstreamHealth } from '../upstreams/upstream-health.js';
import { isDispatched, rateKeyOf, type Queue } from './queue.js';
import type { Lane } from './queues.service.js';

/** A lane and what can be known of it at this look. */
export interface SeenLane {
  lane: Lane;
  /** Whether any of its tasks was completed of late. */
  moves: boolean;
  /** Counts of its tasks. */
  depth: () => Promise<{ ready: number; leased: number }>;
}

/** What a queue's own limits have against one more task of it: as many run as may, or as many as may have begun. */
interface QueueLimit {
  full: string | null;
  spent: string | null;
}

export class WaitReasons {
  /** By queue. */
  private readonly limits = new Map<number, Promise<QueueLimit>>();

  constructor(
    private readonly seen: readonly SeenLane[],
    private readonly limiter: Limiter,
    private readonly health: UpstreamHealth,
  ) {}

  /** Of a lane that has ready tasks. Null when nothing is in their way. */
  async of(waiting: SeenLane): Promise<string | null> {
    const { queue, upstream, level } = waiting.lane;
    const { name } = queue;
    if (queue.isPaused) return `the queue '${name}' is paused`;
    if (queue.consumers.size === 0) return `nothing consumes the queue '${name}': give it an upstream or a worker`;
    const { full, spent } = await this.limitOf(queue);
    if (full !== null) return full;
    if (spent !== null) return isDispatched(queue) ? withAhead(spent, await this.aheadInQueue(waiting.lane)) : spent;
    return upstream ? this.whyNotCalled(upstream, level) : this.whyNotTaken(waiting);
  }

  private limitOf(queue: Queue): Promise<QueueLimit> {
    let limit = this.limits.get(queue.seq);
    if (!limit) this.limits.set(queue.seq, (limit = this.readLimit(queue)));
    return limit;
  }

  private async readLimit(queue: Queue): Promise<QueueLimit> {
    const { name, maxConcurrency, perMinute } = queue;
    const spent = await this.whyNoRate(rateKeyOf(queue), `queue '${name}'`, perMinute);
    if (maxConcurrency === null || (await this.leasedOf(queue)) < maxConcurrency) return { full: null, spent };
    const full =
      maxConcurrency === 1
        ? `the only task that the queue '${name}' may run at a time is running`
        : `all ${maxConcurrency} tasks that the queue '${name}' may run at a time are running`;
    return { full, spent };
  }

  private async leasedOf({ seq }: Queue): Promise<number> {
    const lanes = this.seen.filter(({ lane }) => lane.queue.seq === seq);
    const depths = await Promise.all(lanes.map(({ depth }) => depth()));
    return depths.reduce((sum, { leased }) => sum + leased, 0);
  }

  private async whyNoRate(key: string, whose: string, perMinute: number | null): Promise<string | null> {
    const opensAt = perMinute === null ? null : await this.limiter.rateOpensAt(key, perMinute);
    if (opensAt === null) return null;
    return `the rate limit of the ${whose}, ${perMinute} a minute, is used up until ${isoTime(opensAt)}`;
  }

  private async whyNotCalled(upstream: Upstream, level: number): Promise<string | null> {
    const { name, concurrency, perMinute } = upstream;
    const condition = this.health.of(upstream);
    if (condition?.broken) {
      const { since, reason } = condition.broken;
      return `the upstream '${name}' has not worked since ${isoTime(since)}: ${reason}`;
    }
    const key = permitKeyOf(upstream);
    const pausedUntil = await this.limiter.pausedUntil(key);
    if (pausedUntil !== null) return `the upstream '${name}' asked not to be called before ${isoTime(pausedUntil)}`;
    const scarce =
      (await this.whyNoRate(key, `upstream '${name}'`, perMinute)) ??
      (await this.whyNoPermit(upstream, condition?.allowed ?? concurrency));
    const ahead = await this.aheadAt(upstream, level);
    if (scarce !== null) return withAhead(scarce, ahead);
    return ahead === 0
      ? null
      : `${counted(ahead, 'task')} for the upstream '${name}' at lower levels ${goes(ahead)} first`;
  }

  private async whyNoPermit(upstream: Upstream, allowed: number): Promise<string | null> {
    const { name, concurrency } = upstream;
    if ((await this.limiter.inUse(permitKeyOf(upstream))) < allowed) return null;
    const text =
      allowed === 1
        ? `the only permit of the upstream '${name}' is in use`
        : `all ${allowed} permits of the upstream '${name}' are in use`;
    return allowed === concurrency ? text : `${text}; it said that ${concurrency} are too many`;
  }

  /** The tasks of this queue are not ours to run, or not any more. */
  private async whyNotTaken({ lane, moves, depth }: SeenLane): Promise<string | null> {
    const { name, consumers } = lane.queue;
    if (consumers.has('upstream')) return `the queue '${name}' has lost its upstream`;
    const ahead = await this.aheadInQueue(lane);
    if (!consumers.has('pull')) {
      return withAhead(
        `the functions of this server are busy, or none handles the tasks of the queue '${name}'`,
        ahead,
      );
    }
    const { leased } = await depth();
    if (leased > 0) return `the workers of the queue '${name}' are busy with ${counted(leased, 'task')} of this level`;
    // Workers that come and go in an instant hold nothing at most times.
    if (moves) return null;
    if (ahead > 0 && (await this.isWorkedBelow(lane)))
      return `${counted(ahead, 'task')} of the queue '${name}' at lower levels ${goes(ahead)} first`;
    return `no worker takes from the queue '${name}'`;
  }

  /** Ready tasks of the queue at lower levels. */
  private aheadInQueue(lane: Lane): Promise<number> {
    return readyIn(this.below(lane.level, ({ queue }) => queue.seq === lane.queue.seq));
  }

  /** Ready tasks for the upstream at lower levels, of queues that may run some more. */
  private async aheadAt({ seq }: Upstream, level: number): Promise<number> {
    const wanting: SeenLane[] = [];
    for (const seen of this.below(level, ({ queue, upstream }) => !queue.isPaused && upstream?.seq === seq)) {
      const { full, spent } = await this.limitOf(seen.lane.queue);
      if (full === null && spent === null) wanting.push(seen);
    }
    return readyIn(wanting);
  }

  /** Whether workers take from the queue at lower levels. */
  private async isWorkedBelow({ queue, level }: Lane): Promise<boolean> {
    for (const { moves, depth } of this.below(level, (lane) => lane.queue.seq === queue.seq)) {
      if (moves || (await depth()).leased > 0) return true;
    }
    return false;
  }

  private below(level: number, isMeant: (lane: Lane) => boolean): SeenLane[] {
    return this.seen.filter(({ lane }) => lane.level < level && isMeant(lane));
  }
}

async function readyIn(lanes: readonly SeenLane[]): Promise<number> {
  const depths = await Promise.all(lanes.map(({ depth }) => depth()));
  return depths.reduce((sum, { ready }) => sum + ready, 0);
}

function withAhead(reason: string, ahead: number): string {
  return ahead === 0 ? reason : `${reason}; ${counted(ahead, 'task')} at lower levels ${goes(ahead)} first`;
}

function goes(ahead: number): string {
  return wordFor(ahead, 'goes', 'go');
}

function isoTime(at: number): string {
  return new Date(at).toISOString();
}
