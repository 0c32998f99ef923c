import { beforeEach, describe, expect, it } from 'vitest';
import type { HeldTask } from './pull-worker.js';
import { TaskLedger } from './task-ledger.js';

const DATA = { n: 1 };
const ANSWER = { text: 'x' };
const completed = (over = {}) => ({ data: DATA, state: 'completed', result: { body: ANSWER }, ...over });
const lease = (token: string): HeldTask => ({ task_id: 't1', lease_token: token, lease_until: 0 });

let ledger: TaskLedger;

beforeEach(() => {
  ledger = new TaskLedger();
  ledger.put('t1', DATA);
});

describe('a ledger of what was told', () => {
  it('is content when all came as it was told', () => {
    ledger.completed('t1', ANSWER);
    ledger.put('t2', DATA);
    ledger.ended('t2', 'cancelled');
    expect(ledger.problems([completed(), { data: DATA, state: 'cancelled' }])).toEqual([]);
  });

  it.each([
    ['is not there', null, 't1 is lost'],
    ['has not ended', completed({ state: 'leased' }), 't1 has not ended: it is leased'],
    ['has other data', completed({ data: { n: 2 } }), 't1 has other data: {"n":2}'],
  ])('sees a task that %s', (_, found, problem) => {
    expect(ledger.problems([found])).toEqual([problem]);
  });

  it('sees an end or an answer that is another than was told', () => {
    ledger.completed('t1', ANSWER);
    expect(ledger.problems([completed({ result: { body: { text: 'y' } } })])).toEqual([
      't1 has another answer than was taken: {"body":{"text":"y"}}',
    ]);
    ledger.ended('t1', 'failed');
    expect(ledger.problems([completed()])).toEqual(['t1 was said to be failed, and is completed']);
  });

  it('lets go of what somebody asked to be dropped or undone, and got no answer', () => {
    ledger.ended('t1', 'failed');
    ledger.redriving('t1');
    expect(ledger.problems([completed()])).toEqual([]);
    ledger.dropping('t1');
    expect(ledger.problems([null])).toEqual([]);
  });

  it('knows which tokens are not good any more', () => {
    ledger.taken(lease('a'));
    expect(ledger.staleTokens()).toEqual([]);
    ledger.taken(lease('b'));
    expect(ledger.staleTokens()).toEqual([{ task_id: 't1', lease_token: 'a' }]);
  });
});
