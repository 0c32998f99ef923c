import { Process, Processor } from '@nestjs/bull';
import type { Type } from '@nestjs/common';
import type { Job } from 'bull';
import { MAX_LEVEL, MIN_LEVEL } from '../../kernel/lane.js';

/** The ten levels, lowest first. */
export const LEVELS: readonly number[] = Array.from(
  { length: MAX_LEVEL - MIN_LEVEL + 1 },
  (_, index) => MIN_LEVEL + index,
);

export function queueName(level: number): string {
  return `level-${level}`;
}

/** Where the processors put what they get; given to them by whoever makes them. */
export abstract class CallSink {
  abstract receive(level: number, data: unknown): void;
}

/** One consumer of each queue. They return at once, so that a call is never held by Bull for longer than it takes to read it. */
export const CALL_PROCESSORS: readonly Type[] = LEVELS.map((level) => makeProcessor(level));

function makeProcessor(level: number): Type {
  @Processor(queueName(level))
  class CallProcessor {
    constructor(private readonly sink: CallSink) {}

    /** Jobs of any name: a handler for one name only would make Bull keep the others as failed. */
    @Process('*')
    async process(job: Job<unknown>): Promise<void> {
      this.sink.receive(level, job.data);
    }
  }
  return CallProcessor;
}
