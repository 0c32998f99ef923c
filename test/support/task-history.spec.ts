import { describe, expect, it } from 'vitest';
import { checkHistory, type TaskHistory, type WorkerNote } from './task-history.js';

const took = (id: string, token = 't-1'): WorkerNote => ({ at: 'took', worker: 'a', id, token });
const answer = (
  id: string,
  tag: string,
  status = 200,
  how = 'plain' as NonNullable<WorkerNote['how']>,
): WorkerNote[] => [
  { at: 'answering', worker: 'a', id, tag, how },
  { at: 'answered', worker: 'a', id, tag, how, status },
];
const GOOD: TaskHistory = {
  put: ['1', '2'],
  notes: [took('1'), took('2'), ...answer('1', 'x'), ...answer('2', 'y'), ...answer('2', 'z', 409, 'late')],
  ended: [
    { id: '1', state: 'completed', tag: 'x' },
    { id: '2', state: 'completed', tag: 'y' },
  ],
  paths: { kills: 1 },
};
const problemsOf = (changes: Partial<TaskHistory>) => checkHistory({ ...GOOD, ...changes }).problems;

describe('a history of tasks', () => {
  it('in which each task has the one result that was recorded is good', () => {
    expect(checkHistory(GOOD)).toMatchObject({ problems: [], paths: { kills: 1, 'a late answer refused': 1 } });
  });

  it.each<[string, Partial<TaskHistory>, string]>([
    ['a task that is not there', { ended: GOOD.ended.slice(1) }, 'lost: 1 is not there'],
    [
      'a task that has not ended',
      { ended: [GOOD.ended[0]!, { id: '2', state: 'leased', tag: null }] },
      'lost: 2 is leased',
    ],
    ['a task without a result', { ended: [GOOD.ended[0]!, { id: '2', state: 'completed', tag: null }] }, 'lost: 2'],
    ['a task that nobody put', { notes: [...GOOD.notes, took('3')] }, 'unexpected: nobody put 3'],
    [
      'a result that nobody gave',
      { ended: [{ id: '1', state: 'completed', tag: 'q' }, GOOD.ended[1]!] },
      'unexpected: nobody answered 1 with q',
    ],
    ['two results', { notes: [...GOOD.notes, ...answer('1', 'q')] }, 'duplicate: 1 was recorded as x and as q'],
    [
      'a result that was replaced',
      {
        notes: [...GOOD.notes, ...answer('1', 'q', 409)],
        ended: [{ id: '1', state: 'completed', tag: 'q' }, GOOD.ended[1]!],
      },
      'changed: 1 was recorded as x and is q',
    ],
    ['one lease in two hands', { notes: [...GOOD.notes, { ...took('1'), worker: 'b' }] }, 'taken twice: 1 t-1'],
  ])('with %s is not', (_, changes, problem) => {
    expect(problemsOf(changes).join('\n')).toContain(problem);
  });

  it('allows an answer without a token to be passed over, and the same one to be given again', () => {
    const notes = [...GOOD.notes, ...answer('1', 'q', 200, 'tokenless'), ...answer('2', 'y', 200, 'again')];
    expect(problemsOf({ notes })).toEqual([]);
  });
});
