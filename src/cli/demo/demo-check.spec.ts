import { describe, expect, it } from 'vitest';
import { checkResults, isAllWell, readAskedLines, readResultLines, type ResultLine } from './demo-check.js';

function request(customId: string, sim?: string): string {
  const messages = [
    { role: 'user', content: 'first' },
    { role: 'assistant', content: 'yes?' },
    { role: 'user', content: `about ${customId}` },
  ];
  return JSON.stringify({ custom_id: customId, body: { messages, ...(sim ? { metadata: { sim } } : {}) } });
}

const ASKED = readAskedLines(`${request('a')}\n${request('b', 'status_404')}\n${request('c', 'status_500_once')}\n`);
const A: ResultLine = { customId: 'a', status: 200, text: '' };
const B: ResultLine = { customId: 'b', status: 404, text: '' };
const C: ResultLine = { customId: 'c', status: 200, text: '' };

describe('readAskedLines', () => {
  it('finds the question and what is to become of each line', () => {
    expect(ASKED).toEqual([
      { customId: 'a', question: 'about a', failsWith: null, failsAtFirst: false },
      { customId: 'b', question: 'about b', failsWith: 404, failsAtFirst: false },
      { customId: 'c', question: 'about c', failsWith: null, failsAtFirst: true },
    ]);
  });
});

describe('readResultLines', () => {
  it('reads an answer, an error of the model and a line that never got an answer', () => {
    const lines = [
      {
        custom_id: 'a',
        response: { status_code: 200, body: { choices: [{ message: { content: 'Hi' } }] } },
        error: null,
      },
      { custom_id: 'b', response: { status_code: 404, body: { error: { type: 't', message: 'No.' } } }, error: null },
      { custom_id: 'c', response: null, error: { code: 'batch_expired', message: 'Too late.' } },
    ];
    expect(readResultLines(lines.map((line) => `${JSON.stringify(line)}\n`).join(''))).toEqual([
      { customId: 'a', status: 200, text: 'Hi' },
      { customId: 'b', status: 404, text: 't: No.' },
      { customId: 'c', status: null, text: 'batch_expired: Too late.' },
    ]);
    expect(readResultLines('')).toEqual([]);
  });
});

describe('checkResults', () => {
  it('finds nothing when every line came back once and as told', () => {
    expect(isAllWell(checkResults(ASKED, [C, A], [B]))).toBe(true);
  });

  it.each([
    ['a lost line', [A], [B], { missing: ['c'] }],
    ['a line twice in one file', [A, C, A], [B], { repeated: ['a'] }],
    ['a line in both files', [A, C], [B, { ...A, status: 400 }], { repeated: ['a'], wronglyFailed: ['a'] }],
    ['a line nobody asked', [A, C, { ...A, customId: 'x' }], [B], { unknown: ['x'] }],
    ['a failure that was not told', [A], [B, { ...C, status: 500 }], { wronglyFailed: ['c'] }],
    ['another status than told', [A, C], [{ ...B, status: 500 }], { wronglyFailed: ['b'] }],
    ['a failure without an answer', [A, C], [{ ...B, status: null }], { wronglyFailed: ['b'] }],
    ['an answer instead of a failure', [A, C, { ...B, status: 200 }], [], { wronglyAnswered: ['b'] }],
    ['a failure among the answers', [{ ...A, status: 400 }, C], [B], { wronglyAnswered: ['a'] }],
  ])('finds %s', (_, answers, failures, wrong) => {
    const nothing = { missing: [], repeated: [], unknown: [], wronglyFailed: [], wronglyAnswered: [] };
    const checked = checkResults(ASKED, answers, failures);
    expect(checked).toEqual({ ...nothing, ...wrong });
    expect(isAllWell(checked)).toBe(false);
  });
});
