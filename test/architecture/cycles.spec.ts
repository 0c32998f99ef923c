import { describe, expect, it } from 'vitest';
import { importCycles } from './cycles.rule.js';
import { readSources } from './source-tree.js';

describe('import cycles', () => {
  it('do not exist', () => {
    expect(importCycles(readSources('src', '.ts'))).toEqual([]);
  });

  it('are found, with the way around', () => {
    const cycles = importCycles([
      { path: 'src/x/entry.ts', text: `import './a.js';` },
      { path: 'src/x/a.ts', text: `import { b } from '../y/b.js';` },
      { path: 'src/y/b.ts', text: `import { c } from './c.js'; import { a } from 'a';` },
      { path: 'src/y/c.ts', text: `export const later = () => import('../x/a.js');` },
    ]);
    expect(cycles).toEqual([
      'src/x/a.ts → src/y/b.ts → src/y/c.ts → src/x/a.ts: files do not import each other in a circle.',
    ]);
  });

  it('are found in a file that imports itself', () => {
    expect(importCycles([{ path: 'src/a.ts', text: `import './a.js';` }])).toHaveLength(1);
  });

  it('are not closed by types, nor by two ways to one file', () => {
    const cycles = importCycles([
      { path: 'src/a.ts', text: `import { b } from './b.js'; import { c } from './c.js';` },
      { path: 'src/b.ts', text: `import { c } from './c.js'; import type { A } from './a.js';` },
      { path: 'src/c.ts', text: `import { type A } from './a.js'; export { type B } from './b.js';` },
    ]);
    expect(cycles).toEqual([]);
  });
});
