import { BullModule, getQueueToken, type BullRootModuleOptions } from '@nestjs/bull';
import { Module, type DynamicModule, type Provider, type Type } from '@nestjs/common';
import type { Queue } from 'bull';
import { CallSink, LEVELS, queueName } from './call-processors.js';

export const QUEUE_TOKENS = LEVELS.map((level) => getQueueToken(queueName(level)));

const QUEUES_GUARDED = Symbol('QUEUES_GUARDED');

/** The ten queues, with processors where calls are consumed. */
@Module({})
export class CallQueuesModule {
  static forRoot(
    bull: BullRootModuleOptions,
    processors: readonly Type[],
    sink: CallSink,
    onError: (error: unknown) => void,
  ): DynamicModule {
    const guard: Provider = {
      provide: QUEUES_GUARDED,
      inject: QUEUE_TOKENS,
      useFactory: (...queues: Queue[]) => queues.forEach((queue) => guardPromises(queue, onError)),
    };
    return {
      module: CallQueuesModule,
      imports: [
        BullModule.forRoot(bull),
        ...LEVELS.map((level) => BullModule.registerQueue({ name: queueName(level) })),
      ],
      providers: [{ provide: CallSink, useValue: sink }, guard, ...processors],
    };
  }
}

/**
 * Bull drops two promises when a processor is bound, and Nest a third: where the connection ends before it was ready,
 * each would end the process as an unhandled rejection. (The worker's name, which the first one sets, nobody reads.)
 */
function guardPromises(queue: Queue, onError: (error: unknown) => void): void {
  const open = queue as Queue & { setWorkerName: () => Promise<void> };
  open.setWorkerName = async () => {};
  const start = queue.process.bind(queue) as (...args: unknown[]) => Promise<void>;
  open.process = (...args: unknown[]) => start(...args).catch(onError);
}
