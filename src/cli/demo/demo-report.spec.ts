import pc from 'picocolors';
import { describe, expect, it } from 'vitest';
import { checkResults, type AskedLine, type ResultLine } from './demo-check.js';
import { howToGoOn, pairs, samples, summary, verdict } from './demo-report.js';

const PAPER = { width: 60, colors: pc.createColors(false) };
const ASKED: AskedLine[] = Array.from({ length: 10 }, (_, index) => ({
  customId: `line-${index}`,
  question: `question ${index}\nwith a second line and far too many words for any usual terminal`,
  failsWith: index === 9 ? 400 : null,
  failsAtFirst: index === 5,
}));
const ANSWERS: ResultLine[] = ASKED.slice(0, 9).map(({ customId }) => ({ customId, status: 200, text: 'An\nanswer.' }));
const FAILURES: ResultLine[] = [{ customId: 'line-9', status: 400, text: 'invalid_request_error: No.' }];

describe('samples', () => {
  const lines = samples(ASKED, ANSWERS, FAILURES, PAPER);

  it('shows three answers from all over the batch and one error', () => {
    expect(lines.filter((line) => line.includes('asked')).map((line) => line.trim().split(' ')[0])).toEqual([
      'line-0',
      'line-3',
      'line-6',
      'line-9',
    ]);
    expect(lines.at(-1)).toBe('          error  400 invalid_request_error: No.');
  });

  it('aligns what was asked with what was answered, and stays inside the terminal', () => {
    expect(lines.slice(0, 3)).toEqual([
      '  line-0  asked  question 0 with a second line and far too…',
      '             ok  An answer.',
      '',
    ]);
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(PAPER.width);
  });

  it('makes do with what there is', () => {
    expect(samples(ASKED, ANSWERS.slice(0, 1), [], PAPER)).toHaveLength(2);
    expect(samples(ASKED, [], [], PAPER)).toEqual([]);
  });
});

describe('verdict', () => {
  it('says what went well', () => {
    expect(verdict(ASKED, checkResults(ASKED, ANSWERS, FAILURES), PAPER)).toEqual([
      '  ✓ each of the 10 custom_ids came back exactly once',
      '  ✓ exactly those 1 lines failed that were told to, each with its own status',
      '  ✓ line-5 got an error of the model at first and was tried again',
    ]);
  });

  it('names what is wrong and nothing else, at most five ids of a kind', () => {
    expect(verdict(ASKED, checkResults(ASKED, ANSWERS.slice(0, 2), [...FAILURES, ...FAILURES]), PAPER)).toEqual([
      '  ✗ did not come back: line-2, line-3, line-4, line-5, line-6 and 2 more',
      '  ✗ came back more than once: line-9',
    ]);
  });
});

describe('the other lines', () => {
  it('are one summary', () => {
    expect(summary(95, 5, 4)).toBe('100 requests in 4.0 s, 25 a second: 95 answered, 5 failed');
  });

  it('are pairs in columns', () => {
    expect(
      pairs(
        [
          ['API', 'x'],
          ['server', 'y'],
        ],
        PAPER,
      ),
    ).toEqual(['  API     x', '  server  y']);
  });

  it('show the key to a person only, and where it is to everybody', () => {
    const server = { url: 'http://127.0.0.1:8080', key: 'sk-secret', keyPath: "/tmp/it's here/admin.key", logPath: '' };
    const page = (isTerminal: boolean) =>
      howToGoOn(server, 'batch_1', true, { ...PAPER, isTerminal, stream: process.stdout, print: () => {} }).join('\n');
    expect(page(true)).toContain('sk-secret');
    expect(page(false)).not.toContain('sk-secret');
    expect(page(false)).toContain("key     in /tmp/it's here/admin.key");
    expect(page(false)).toContain(`$(cat '/tmp/it'\\''s here/admin.key')`);
  });
});
