import type { ConfigRow } from '../../config/config-print.js';

/** Rows as aligned columns: name, value, and the origin where it is not the default. */
export function layOut(rows: readonly ConfigRow[]): string {
  const shown = rows.map(({ name, value, origin }) => ({
    name,
    value: value ?? '-',
    origin: origin === 'default' ? '' : `(${origin})`,
  }));
  const width = (column: 'name' | 'value') => Math.max(...shown.map((row) => row[column].length));
  const [names, values] = [width('name'), width('value')];
  return shown
    .map(({ name, value, origin }) => `${name.padEnd(names)}  ${value.padEnd(values)}  ${origin}`.trimEnd())
    .join('\n');
}
