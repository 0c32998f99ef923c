/**
 * A caller on the line waits for every commit on his way, and for every message between those who work on it. Where this
 * process calls the upstream itself and has a permit to spare, his task is stored and leased in one transaction and begun
 * from memory. Any other task, and any that something is ahead of, goes the usual way.
 */
import { Injectable } from '@nestjs/common';
import type { NewTask, PutOutcome } from '../../store/procedures/single-shapes.js';
import type { Lane } from '../queues/queues.service.js';

/** A permit in hand. */
export interface EarlyStart {
  lease: NonNullable<NewTask['lease']>;
  /** Must be told what came of the put, undefined when it failed: begins what was leased with it, or gives the permit back. */
  settle(task: NewTask, outcome: PutOutcome | undefined): void;
}

export interface EarlyStarter {
  /** Null when a task of this lane cannot begin at once. Never waits for a permit. */
  reserve(lane: Lane): Promise<EarlyStart | null>;
}

@Injectable()
export class EarlyStarts {
  private starter: EarlyStarter | null = null;

  /** Called once, by who calls upstreams in this process. */
  offer(starter: EarlyStarter): void {
    this.starter = starter;
  }

  async reserve(lane: Lane): Promise<EarlyStart | null> {
    return this.starter === null ? null : this.starter.reserve(lane);
  }
}
