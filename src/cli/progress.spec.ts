import pc from 'picocolors';
import { describe, expect, it } from 'vitest';
import { barLine, showProgress } from './progress.js';

const HALF = { total: 320, completed: 155, failed: 5, perSecond: 41.6, secondsLeft: 3.2 };

describe('barLine', () => {
  it('shows the bar, the share, the counts, the rate and the time left', () => {
    const bar = '█'.repeat(20) + '░'.repeat(20);
    expect(barLine(HALF, 120)).toBe(`  ${bar}   50 %  160/320  5 failed    42/s    4 s left`);
  });

  it.each([60, 80, 120, 200])('fits into %i columns, at its start and at its end', (width) => {
    const start = { total: 320, completed: 0, failed: 0, perSecond: 0, secondsLeft: null };
    const end = { total: 320, completed: 315, failed: 5, perSecond: 1_234, secondsLeft: 0 };
    for (const state of [start, HALF, end]) expect(barLine(state, width).length).toBeLessThan(width);
    expect(barLine(end, width)).not.toContain('░');
    expect(barLine(start, width)).not.toContain('█');
  });
});

describe('progress that no person watches', () => {
  function printed(steps: number[]): string[] {
    const lines: string[] = [];
    const screen = {
      width: 100,
      isTerminal: false,
      stream: process.stdout,
      colors: pc.createColors(false),
      print: (line: string) => lines.push(line),
    };
    const progress = showProgress(screen, 50);
    for (const completed of steps) progress.show({ total: 50, completed, failed: 0 });
    progress.stop();
    return lines.map((line) => line.trim().split('  ')[0]!);
  }

  it('is a line for every ten per cent', () => {
    expect(printed([0, 1, 4, 5, 5, 6, 9, 10, 50, 50])).toEqual(['10 %', '20 %', '100 %']);
  });
});
