/**
 * A caller on the line waits for every commit on his way, and for every message between those who work on it. Where this
 * process calls the upstream itself and has a permit to spare, his task is stored and leased in one transaction, and called for
 * meanwhile. Any other task, and any that something is ahead of, goes the usual way.
 */
import { Injectable } from '@nestjs/common';
import type { NewTask, PutOutcome } from '../../store/procedures/single-shapes.js';
import type { Lane } from '../queues/queues.service.js';

/** A permit in hand. */
export interface EarlyStart {
  lease: NonNullable<NewTask['lease']>;
  /** Must be told what came of the put, undefined when it failed: runs what was leased with it, or gives the permit back. */
  settle(outcome: PutOutcome | undefined): void;
}

export interface EarlyStarter {
  /** For a task that is put next. Null when it cannot begin at once. Never waits for a permit. */
  reserve(lane: Lane, task: NewTask): Promise<EarlyStart | null>;
  /** A task is put into this lane that does not begin early: what is put after it is not the next one. */
  passBy(laneSeq: number): void;
}

@Injectable()
export class EarlyStarts {
  private starter: EarlyStarter | null = null;

  /** Called once, by who calls upstreams in this process. */
  offer(starter: EarlyStarter): void {
    this.starter = starter;
  }

  passBy(laneSeq: number): void {
    this.starter?.passBy(laneSeq);
  }

  async reserve(lane: Lane, task: NewTask): Promise<EarlyStart | null> {
    return this.starter === null ? null : this.starter.reserve(lane, task);
  }
}
