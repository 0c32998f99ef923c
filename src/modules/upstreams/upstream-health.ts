import { Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import type { UpstreamCondition } from '../../kernel/upstream-condition.js';
import { EventBus } from '../../ports/event-bus.js';
import type { Upstream } from './upstream.js';

/** How often those who call an upstream that is not well tell the other processes. */
const TELL_MS = 2_000;
/** What another process has said counts so long: it is said again while it holds. */
const HEARD_MS = 3 * TELL_MS;

interface Source {
  fingerprint: string;
  look: () => UpstreamCondition;
  /** Whether others were told that it is not well, and not yet that it is again. */
  isTold: boolean;
}

interface Heard {
  fingerprint: string;
  condition: UpstreamCondition;
  /** By the steady clock of this process. */
  at: number;
}

/**
 * Where dispatchers tell how their upstreams do; asked for by those who explain why tasks wait, in this process or another.
 * Nothing is sent of an upstream that is well.
 */
@Injectable()
export class UpstreamHealth implements OnModuleInit, OnModuleDestroy {
  private readonly sources = new Map<number, Source>();
  private readonly heard = new Map<number, Heard>();
  private timer: NodeJS.Timeout | null = null;

  constructor(private readonly events: EventBus) {}

  onModuleInit(): void {
    this.events.on('upstream.condition').subscribe(({ upstreamSeq, fingerprint, condition }) => {
      this.heard.set(upstreamSeq, { fingerprint, condition, at: performance.now() });
    });
    this.timer = setInterval(() => this.tellOthers(), TELL_MS);
    this.timer.unref();
  }

  onModuleDestroy(): void {
    if (this.timer) clearInterval(this.timer);
  }

  /** `look` is asked each time, so that telling costs a dispatcher nothing. Replaces what was told of it before. */
  tell({ seq, fingerprint }: Upstream, look: () => UpstreamCondition): void {
    this.sources.set(seq, { fingerprint, look, isTold: false });
  }

  /** Null when nobody is known to have called it as it is set up now, or when whoever calls it elsewhere has no complaint. */
  of({ seq, fingerprint }: Upstream): UpstreamCondition | null {
    const source = this.sources.get(seq);
    if (source?.fingerprint === fingerprint) return source.look();
    const heard = this.heard.get(seq);
    const isFresh = heard?.fingerprint === fingerprint && performance.now() - heard.at < HEARD_MS;
    return isFresh ? heard.condition : null;
  }

  private tellOthers(): void {
    for (const [upstreamSeq, source] of this.sources) {
      const condition = source.look();
      const isIll = condition.broken !== null || condition.isReduced;
      if (isIll || source.isTold) {
        this.events.publish('upstream.condition', { upstreamSeq, fingerprint: source.fingerprint, condition });
      }
      source.isTold = isIll;
    }
  }
}
