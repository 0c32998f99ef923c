import { describe, expect, it } from 'vitest';
import { nameViolations, sizeViolations } from './sizes.rule.js';
import { readSources } from './source-tree.js';

const sources = readSources('src', '.ts');

describe('sizes', () => {
  it('are kept', () => {
    expect(sizeViolations(sources)).toEqual([]);
  });

  it('allow 400 lines a file, and no more', () => {
    expect(sizeViolations([{ path: 'src/a.ts', text: '//\n'.repeat(400) }])).toEqual([]);
    expect(sizeViolations([{ path: 'src/a.spec.ts', text: '//\n'.repeat(401) }])).toEqual([
      'src/a.spec.ts has 401 lines: a file has at most 400.',
    ]);
    expect(sizeViolations([{ path: 'src/a.ts', text: `${'//\n'.repeat(400)}//` }])).toHaveLength(1);
  });

  it.each([
    ['function', (body: string) => `function f() {${body}}`],
    ['method', (body: string) => `class A { f() {${body}} }`],
    ['arrow function', (body: string) => `const f = () => {${body}};`],
    ['accessor', (body: string) => `class A { get f() {${body}} }`],
    ['constructor', (body: string) => `class A { constructor() {${body}} }`],
  ])('allow 60 lines a %s, and no more', (_kind, declare) => {
    const sized = (lines: number) => [{ path: 'src/a.ts', text: declare('\n'.repeat(lines - 1)) }];
    expect(sizeViolations(sized(60))).toEqual([]);
    expect(sizeViolations(sized(61))).toEqual(['src/a.ts:1 is a function of 61 lines: a function has at most 60.']);
  });

  it('do not count the doc-comment of a function, nor functions in specs', () => {
    const text = `/**\n${' * x\n'.repeat(60)} */\nfunction f() {}`;
    expect(sizeViolations([{ path: 'src/a.ts', text }])).toEqual([]);
    expect(sizeViolations([{ path: 'src/a.spec.ts', text: `it(() => {${'\n'.repeat(100)}})` }])).toEqual([]);
  });

  it('allow 7 things a constructor, and no more', () => {
    const taking = (count: number) => {
      const parameters = Array.from({ length: count }, (_, n) => `private readonly p${n}: P${n}`);
      return [{ path: 'src/a.ts', text: `\nclass A { constructor(${parameters.join(', ')}) {} }` }];
    };
    expect(sizeViolations(taking(7))).toEqual([]);
    expect(sizeViolations(taking(8))).toEqual(['src/a.ts:2 takes 8 things: a constructor takes at most 7.']);
  });
});

describe('names', () => {
  it('are kept', () => {
    expect(nameViolations(sources.map(({ path }) => path))).toEqual([]);
  });

  it.each([
    ['src/store/TaskStore.ts', 'kebab-case'],
    ['src/store/task_store.ts', 'kebab-case'],
    ['src/store/task.Store.ts', 'kebab-case'],
    ['src/store/index.ts', 'no barrels'],
    ['src/store/utils/a.ts', 'a folder is named by what is in it'],
    ['src/helpers/a.ts', 'a folder is named by what is in it'],
    ['src/common/a.ts', 'a folder is named by what is in it'],
    ['src/api/common/utils/a.ts', 'a folder is named by what is in it'],
    ['src/api/openai/common/a.ts', 'a folder is named by what is in it'],
  ])('refuse %s', (path, rule) => {
    expect(nameViolations([path])).toEqual([expect.stringContaining(rule)]);
  });

  it('let these pass', () => {
    const paths = ['src/store/task.store.ts', 'src/api/common/sse.ts', 'src/sdk/index.ts', 'src/api/http2.spec.ts'];
    expect(nameViolations(paths)).toEqual([]);
  });
});
