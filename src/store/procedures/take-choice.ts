/** Which tasks a take gets: the four strategies, over cursors that know their lanes' heads. */
import type { PullStrategy } from '../../kernel/pull.js';
import type { HeadTask, LaneCursor } from './lane-cursor.js';

/** A lane from which one more task may be taken, as far as limits of its queue go. */
export interface Source {
  cursor: LaneCursor;
  /** Whether limits leave room for one more. */
  hasRoom: () => boolean;
  /** Told of each task taken. */
  onTake: () => void;
}

export interface Choice {
  source: Source;
  task: HeadTask;
}

type Choose = (sources: readonly Source[], size: number) => Promise<Choice[]>;

const CHOOSE: Record<PullStrategy, Choose> = {
  fifo: chooseOldest,
  round_robin: chooseInTurn,
  active_passive: chooseInListOrder,
  sequential: chooseOneEach,
};

/** `sources` in the order of the caller's list. */
export function chooseTasks(strategy: PullStrategy, sources: readonly Source[], size: number): Promise<Choice[]> {
  return CHOOSE[strategy](sources, size);
}

async function chooseOldest(sources: readonly Source[], size: number): Promise<Choice[]> {
  const chosen: Choice[] = [];
  while (chosen.length < size) {
    let oldest: Choice | null = null;
    for (const source of sources) {
      const task = await peek(source);
      if (task && (!oldest || isOlder(task, oldest.task))) oldest = { source, task };
    }
    if (!oldest) break;
    chosen.push(take(oldest));
  }
  return chosen;
}

function isOlder(a: HeadTask, b: HeadTask): boolean {
  return a.enqueuedAt < b.enqueuedAt || (a.enqueuedAt === b.enqueuedAt && a.seq < b.seq);
}

async function chooseInTurn(sources: readonly Source[], size: number): Promise<Choice[]> {
  const chosen: Choice[] = [];
  for (let isMore = true; isMore && chosen.length < size;) {
    isMore = false;
    for (const source of sources) {
      const task = chosen.length < size ? await peek(source) : null;
      if (!task) continue;
      chosen.push(take({ source, task }));
      isMore = true;
    }
  }
  return chosen;
}

async function chooseInListOrder(sources: readonly Source[], size: number): Promise<Choice[]> {
  const chosen: Choice[] = [];
  for (const source of sources) {
    for (let task = await peek(source); task && chosen.length < size; task = await peek(source)) {
      chosen.push(take({ source, task }));
    }
  }
  return chosen;
}

async function chooseOneEach(sources: readonly Source[]): Promise<Choice[]> {
  const chosen: Choice[] = [];
  for (const source of sources) {
    const task = source.cursor.lane.isLocked === 1 ? null : await peek(source);
    if (task) chosen.push(take({ source, task }));
  }
  return chosen;
}

function peek(source: Source): Promise<HeadTask | null> | null {
  return source.hasRoom() ? source.cursor.peek() : null;
}

function take(choice: Choice): Choice {
  choice.source.cursor.skip();
  choice.source.onTake();
  return choice;
}
