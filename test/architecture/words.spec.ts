import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { listFiles, ROOT } from './source-tree.js';
import { wordViolations } from './words.rule.js';

/** Not part of the project: what it installs, builds and writes. */
const SKIPPED = ['.git', 'node_modules', 'dist', 'data', 'coverage'];

describe('the words of the project', () => {
  it('are its own', () => {
    const files = listFiles('', SKIPPED).map((path) => ({ path, text: readFileSync(join(ROOT, path), 'latin1') }));
    expect(files.map(({ path }) => path)).toContain('test/architecture/words.rule.ts');
    expect(wordViolations(files)).toEqual([]);
  });

  it.each([
    ['// see /work', '/shared/x'],
    ['// see design', '.md'],
    ['// fixes issue', ' #12'],
    ['// fixes Issues', ' 7'],
    ['// see design', ' D4'],
    ['// strict order (D', '2)'],
    ['"resolved": "http:', '//localhost:4873/x.tgz"'],
  ])('do not include %s%s', (head, tail) => {
    const violations = wordViolations([{ path: 'src/a.ts', text: `\n${head}${tail}` }]);
    expect(violations).toEqual([expect.stringContaining('src/a.ts:2 says')]);
  });

  it('may be these', () => {
    const text =
      '// a homework/shared idea, README.md, designs, an issue with 3 parts\n"resolved": "https://registry.npmjs.org/x"';
    expect(wordViolations([{ path: 'src/a.ts', text }])).toEqual([]);
  });
});
