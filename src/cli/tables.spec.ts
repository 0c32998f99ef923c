import pc from 'picocolors';
import { expect, it } from 'vitest';
import { pairLines, tableLines } from './tables.js';

const PAPER = { colors: pc.createColors(false) };

it('lays rows out in columns, and lets no cell move the cursor', () => {
  const rows = [
    ['a', '1', ''],
    ['long\u001b[2J\nname', '22', 'x'],
  ];
  expect(tableLines(['NAME', 'N', 'REST'], rows, PAPER)).toEqual([
    'NAME           N   REST',
    'a              1',
    'long [2J name  22  x',
  ]);
});

it('lays pairs out', () => {
  expect(
    pairLines(
      [
        ['id', 'x'],
        ['status', 'done'],
      ],
      PAPER,
    ),
  ).toEqual(['id      x', 'status  done']);
});
