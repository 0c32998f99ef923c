/** Lists of things as aligned columns, each thing a line. */
import { oneLine, type Screen } from './terminal.js';

const GAP = '  ';

/** Lines of a table under `headings`. Cells may come from elsewhere: nothing in them moves the cursor. */
export function tableLines(
  headings: readonly string[],
  rows: readonly (readonly string[])[],
  { colors }: Pick<Screen, 'colors'>,
): string[] {
  const clean = rows.map((row) => row.map(oneLine));
  const widths = headings.map((heading, column) =>
    Math.max(heading.length, ...clean.map((row) => row[column]?.length ?? 0)),
  );
  const layOut = (cells: readonly string[]) =>
    cells
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join(GAP)
      .trimEnd();
  return [colors.dim(layOut(headings)), ...clean.map(layOut)];
}

/** `name  value` lines, the names in one column. */
export function pairLines(
  pairs: readonly (readonly [name: string, value: string])[],
  screen: Pick<Screen, 'colors'>,
): string[] {
  const width = Math.max(...pairs.map(([name]) => name.length));
  return pairs.map(([name, value]) => `${screen.colors.dim(name.padEnd(width))}${GAP}${oneLine(value)}`.trimEnd());
}
