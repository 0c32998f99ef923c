import { PULL_STRATEGIES, type PullStrategy } from '../../kernel/pull.js';
import { ChoiceField, IntegerField, NestedField, TextField, TextListField } from '../common/field.decorators.js';

/** What a lease's end brings, in the words of the wire. */
export const LEASE_END_WORDS = ['complete', 'retry', 'fail', 'expire'] as const;
export type LeaseEndWord = (typeof LEASE_END_WORDS)[number];

/** A take hands out at most this many tasks, however many it asks for. */
export const MAX_TASKS = 500;
/** Of `fifo`, unless the worker says that it can take more: workers of old count on it. */
export const FIFO_TASKS = 10;
export const MAX_LANES = 100;
const MAX_WAIT_SECONDS = 60;
const MAX_SECONDS = 30 * 86_400;
const MAX_COUNT = 1_000_000;

export class WorkerDto {
  @TextField({
    about: 'What the worker calls itself; else it is known by the id of its key.',
    example: 'gpu-1',
    minLength: 1,
    maxLength: 100,
    isOptional: true,
  })
  id?: string | null;

  @IntegerField({ min: 0, max: MAX_COUNT, about: 'Tasks it can run at once.', example: 8, isOptional: true })
  capacity?: number | null;
}

export class TakeDto {
  @TextListField({
    about: 'Where to take from, each `queue:level`; in the order in which `round_robin` and `active_passive` go.',
    example: ['chat:0', 'chat:1'],
    maxItems: MAX_LANES,
    maxLength: 70,
  })
  queues: string[];

  @IntegerField({
    min: 1,
    max: MAX_COUNT,
    about: `How many tasks at most; ${MAX_TASKS} come at most. \`sequential\` gives one of each lane instead.`,
    example: 8,
    isOptional: true,
  })
  size?: number | null;

  @ChoiceField(PULL_STRATEGIES, {
    about:
      '`fifo`: the oldest of all lanes. `round_robin`: one of each in turn. `active_passive`: all of the first, then of ' +
      'the second … `sequential`: at most one of each, and none while one that was taken so is still being worked on.',
    example: 'fifo',
    isOptional: true,
  })
  strategy?: PullStrategy | null;

  @IntegerField({
    min: 1,
    max: MAX_TASKS,
    about: `\`fifo\` gives at most ${FIFO_TASKS} tasks, or as many as this says.`,
    example: 100,
    isOptional: true,
  })
  fifo_max?: number | null;

  @IntegerField({
    min: 0,
    max: MAX_SECONDS,
    about: 'Seconds a lease lasts without a heartbeat; 0 or left out: until the task expires.',
    example: 30,
    isOptional: true,
  })
  process_timeout?: number | null;

  @IntegerField({
    min: -1,
    max: MAX_COUNT,
    about: 'For `lease_end: complete`: how often the task goes back to its place first; -1 for ever.',
    example: 2,
    isOptional: true,
  })
  process_max_retries?: number | null;

  @ChoiceField(LEASE_END_WORDS, {
    about:
      'When a lease runs out. `complete`: back to its place `process_max_retries` times, then completed with status 408. ' +
      "`retry`: as the queue's retry policy says. `fail`: a dead letter. `expire`: expired.",
    example: 'retry',
    isOptional: true,
  })
  lease_end?: LeaseEndWord | null;

  @IntegerField({
    min: 0,
    max: MAX_SECONDS,
    about: 'Only tasks that came in at least so many seconds ago.',
    example: 0,
    isOptional: true,
  })
  min_age_seconds?: number | null;

  @IntegerField({
    min: 0,
    max: MAX_WAIT_SECONDS,
    about: 'When there is nothing: how many seconds to wait for a first task.',
    example: 20,
    isOptional: true,
  })
  wait_seconds?: number | null;

  @NestedField(WorkerDto, { about: 'Who takes; seen in the list of workers.', isOptional: true })
  worker?: WorkerDto | null;
}
