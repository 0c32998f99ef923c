import { describe, expect, it } from 'vitest';
import { checkBatch, VacuousRun, type BatchHistory } from './batch-checker.js';

const CANCELLED = { code: 'batch_cancelled', message: 'not executed' };

function answered(customId: string, statusCode = 200, answerId = `answer-${customId}`): string {
  const body = { id: answerId, usage: { total_tokens: 10 } };
  const response = { status_code: statusCode, request_id: 'req_1', body };
  return `${JSON.stringify({ id: `r-${customId}`, custom_id: customId, response, error: null })}\n`;
}

function unanswered(customId: string, error = { code: 'request_timeout', message: 'too late' }): string {
  return `${JSON.stringify({ id: `r-${customId}`, custom_id: customId, response: null, error })}\n`;
}

/** Four lines, of which `c` fails; the server was killed while it ran `b`, which was then called again. */
function history(changes: Partial<BatchHistory> = {}): BatchHistory {
  return {
    lines: ['a', 'b', 'c', 'd'].map((customId) => ({ customId, answerId: `answer-${customId}` })),
    batch: {
      status: 'completed',
      request_counts: { total: 4, completed: 3, failed: 1 },
      usage: { total_tokens: 30 },
    },
    output: answered('a') + answered('b') + answered('d'),
    error: answered('c', 400),
    calls: { a: 1, b: 2, c: 1, d: 1 },
    kills: 1,
    losses: { b: 1 },
    paths: { kills: 1 },
    ...changes,
  };
}

function counted(completed: number, failed: number, total = 4, tokens = completed * 10): Pick<BatchHistory, 'batch'> {
  return {
    batch: { status: 'completed', request_counts: { total, completed, failed }, usage: { total_tokens: tokens } },
  };
}

describe('a good batch', () => {
  it('has no problems', () => {
    expect(checkBatch(history())).toEqual({
      lost: [],
      unexpected: [],
      duplicates: [],
      foreign: [],
      misfiled: [],
      outOfOrder: [],
      overcalled: [],
      extraCalls: 1,
      inFlightAtKills: 1,
      problems: [],
    });
  });

  it('may have lines without an answer', () => {
    const changes = { output: answered('a') + answered('b'), error: answered('c', 500) + unanswered('d') };
    expect(checkBatch(history({ ...changes, ...counted(2, 2) })).problems).toEqual([]);
  });

  it('may be stopped, and then does not count the lines that were not run', () => {
    const stopped = history({
      output: answered('a') + answered('b'),
      error: answered('c', 400) + unanswered('d', CANCELLED),
      calls: { a: 1, b: 2, c: 1 },
      batch: { ...counted(2, 1).batch, status: 'cancelled' },
    });
    expect(checkBatch(stopped).problems).toEqual([]);
  });

  it('may have called a line again because of its answer', () => {
    const calls = { a: 1, b: 2, c: 5, d: 1 };
    expect(checkBatch(history({ calls, retried: new Set(['c']) })).problems).toEqual([]);
  });

  it('may have lost a line before it was called', () => {
    expect(checkBatch(history({ calls: { a: 1, b: 1, c: 1, d: 1 } })).problems).toEqual([]);
  });

  it('cannot be asked for calls that the upstream forgot', () => {
    expect(checkBatch(history({ calls: null })).problems).toEqual([]);
  });
});

describe('a bad batch', () => {
  it.each<[what: string, changes: Partial<BatchHistory>, found: object, problem: string]>([
    ['a lost line', { output: answered('a') + answered('b'), ...counted(2, 1) }, { lost: ['d'] }, 'lost: 1 (d)'],
    [
      'a line that nobody sent',
      { output: answered('a') + answered('b') + answered('x') + answered('d') },
      { unexpected: ['x'], foreign: ['x'] },
      'unexpected: 1 (x)',
    ],
    [
      'a line twice in one file',
      { output: answered('a') + answered('a') + answered('b') + answered('d'), ...counted(4, 1) },
      { duplicates: ['a'] },
      'duplicates: 1 (a)',
    ],
    [
      'a line in both files',
      { error: answered('c', 400) + unanswered('d'), ...counted(3, 2) },
      { duplicates: ['d'] },
      'duplicates: 1 (d)',
    ],
    [
      'the answers of two lines exchanged',
      { output: answered('a', 200, 'answer-b') + answered('b', 200, 'answer-a') + answered('d') },
      { foreign: ['a', 'b'] },
      'foreign: 2 (a, b)',
    ],
    ['an answer that was never asked for', { calls: { b: 2, c: 1, d: 1 } }, { foreign: ['a'] }, 'foreign: 1 (a)'],
    [
      'a refusal in the output file',
      { output: answered('a') + answered('b') + answered('c', 400) + answered('d'), error: '', ...counted(4, 0) },
      { misfiled: ['c'] },
      'misfiled: 1 (c)',
    ],
    [
      'a good answer in the error file',
      { output: answered('a') + answered('b'), error: answered('c', 400) + answered('d'), ...counted(2, 2) },
      { misfiled: ['d'] },
      'misfiled: 1 (d)',
    ],
    [
      'lines out of order',
      { output: answered('b') + answered('a') + answered('d') },
      { outOfOrder: ['a'] },
      'outOfOrder: 1 (a)',
    ],
    [
      'a call too many',
      { calls: { a: 1, b: 3, c: 1, d: 1 }, kills: 2 },
      { overcalled: ['b'], extraCalls: 2 },
      '2 calls were made again, but only 1 were in flight at a kill',
    ],
    [
      'a call for a line that was not running at the kill',
      { calls: { a: 2, b: 1, c: 1, d: 1 } },
      { overcalled: ['a'] },
      'overcalled: 1 (a)',
    ],
    ['more losses than kills', { losses: { b: 2 } }, {}, 'a line was lost 2 times, but the server was killed 1 times'],
    [
      'a call for a line that nobody sent',
      { calls: { a: 1, b: 2, c: 1, d: 1, x: 1 } },
      {},
      'the upstream was called for lines that nobody sent: x',
    ],
    ['too few lines counted', counted(3, 1, 3), {}, 'the batch counts 3 lines instead of 4'],
    ['too many completed', counted(4, 1, 4, 30), {}, 'it counts 4 completed lines, the file has 3'],
    ['too many failed', counted(3, 2), {}, 'it counts 2 failed lines, the error file has 1'],
    ['tokens counted twice', counted(3, 1, 4, 40), {}, 'it counts 40 tokens, its lines have 30'],
    [
      'ended before it began',
      { batch: { ...counted(3, 1).batch, created_at: 10, in_progress_at: 12, finalizing_at: null, completed_at: 11 } },
      {},
      'its times go back: 10, 12, 11',
    ],
    [
      'completed with a line that was not run',
      {
        error: answered('c', 400) + unanswered('d', CANCELLED),
        output: answered('a') + answered('b'),
        ...counted(2, 1),
      },
      {},
      'it is completed, but lines were not run',
    ],
    [
      'a file that breaks off',
      { output: answered('a') + answered('b') + answered('d').slice(0, -5), ...counted(2, 1) },
      { lost: ['d'] },
      'the output file breaks off in its last line',
    ],
    [
      'a line without response and error',
      { error: '{"custom_id":"c","response":null,"error":null}\n', ...counted(3, 0) },
      { lost: ['c'] },
      'the error file, line 1: TypeError: it needs a custom_id, and a response or an error',
    ],
  ])('is found out: %s', (_, changes, found, problem) => {
    const report = checkBatch(history(changes));
    expect(report).toMatchObject(found);
    expect(report.problems).toContain(problem);
  });

  it('is reported with a few of its many lines', () => {
    const lines = Array.from({ length: 12 }, (_, n) => ({ customId: `n${n}`, answerId: '' }));
    const { problems } = checkBatch(history({ lines, output: '', error: '', calls: {}, ...counted(0, 0, 12) }));
    expect(problems).toEqual(['lost: 12 (n0, n1, n2, n3, n4, n5, n6, n7, n8, n9, …)']);
  });
});

describe('a run that proves nothing', () => {
  it('is refused when a rare path was not taken', () => {
    const check = () => checkBatch(history({ paths: { 'kills in progress': 0, rescued: 3, resumed: Number.NaN } }));
    expect(check).toThrow(VacuousRun);
    expect(check).toThrow('this run never came to: kills in progress, resumed');
  });

  it('is refused when it does not say what it is about', () => {
    expect(() => checkBatch(history({ paths: {} }))).toThrow(VacuousRun);
  });
});
