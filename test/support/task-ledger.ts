/**
 * What clients and workers were told of their tasks, to be held against what a later server says. Only answers count: of a
 * request that got none, either outcome is right.
 */
import { isDeepStrictEqual } from 'node:util';
import { isTerminalTaskState } from '../../src/kernel/task-state.js';
import type { Json } from './console.js';
import type { HeldTask } from './pull-worker.js';

interface Told {
  data: Json;
  /** The state that it must have in the end; null while nobody was told of an end. */
  end: string | null;
  /** The answer that was taken from a worker. */
  answer: Json;
  /** One for each lease, in their order. */
  tokens: string[];
  isDroppable: boolean;
}

export class TaskLedger {
  private readonly tasks = new Map<string, Told>();

  /** All that somebody was told of. */
  get ids(): string[] {
    return [...this.tasks.keys()];
  }

  put(id: string, data: Json): void {
    this.tasks.set(id, { data, end: null, answer: null, tokens: [], isDroppable: false });
  }

  taken({ task_id: id, lease_token: token }: HeldTask): void {
    this.told(id).tokens.push(token);
  }

  completed(id: string, answer: Json): void {
    this.ended(id, 'completed');
    this.told(id).answer = answer;
  }

  ended(id: string, state: string): void {
    this.told(id).end = state;
  }

  /** Somebody asked for its end to be undone. */
  redriving(id: string): void {
    this.told(id).end = null;
  }

  /** Somebody asked for it to be forgotten. */
  dropping(id: string): void {
    this.told(id).isDroppable = true;
  }

  /** Tokens that were good once, each with its task: a newer one was given for it since. */
  staleTokens(): { task_id: string; lease_token: string }[] {
    return this.ids.flatMap((id) =>
      this.told(id)
        .tokens.slice(0, -1)
        .map((token) => ({ task_id: id, lease_token: token })),
    );
  }

  /** What is wrong with these tasks, which are those of `ids` in their order and have all had time to end; in words. */
  problems(found: readonly Json[]): string[] {
    return this.ids.flatMap((id, place) => {
      const task = found[place];
      const { data, end, answer, isDroppable } = this.told(id);
      if (!task) return isDroppable ? [] : [`${id} is lost`];
      const problems: string[] = [];
      if (!isDeepStrictEqual(task.data, data)) problems.push(`${id} has other data: ${JSON.stringify(task.data)}`);
      if (!isTerminalTaskState(task.state)) problems.push(`${id} has not ended: it is ${task.state}`);
      if (end !== null && task.state !== end) problems.push(`${id} was said to be ${end}, and is ${task.state}`);
      if (end === 'completed' && !isDeepStrictEqual(task.result?.body, answer)) {
        problems.push(`${id} has another answer than was taken: ${JSON.stringify(task.result)}`);
      }
      return problems;
    });
  }

  private told(id: string): Told {
    const told = this.tasks.get(id);
    if (!told) throw new Error(`nobody was told of the task '${id}'`);
    return told;
  }
}
