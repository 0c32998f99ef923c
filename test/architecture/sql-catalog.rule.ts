import type { SourceText } from './source-tree.js';

const FOLDER = 'src/store/sql/';

/** `src/store/sql/<dialect>/<name>.sql`: every dialect has every statement, and each says what it does. */
export function sqlViolations(files: readonly SourceText[]): string[] {
  const dialects = [...new Set(files.map(({ path }) => path.slice(FOLDER.length).split('/')[0]!))];
  const names = new Set(files.map(({ path }) => path.slice(FOLDER.length).replace(/^[^/]+\//, '')));
  const present = new Set(files.map(({ path }) => path));
  const missing = dialects
    .flatMap((dialect) => [...names].map((name) => `${FOLDER}${dialect}/${name}`))
    .filter((path) => !present.has(path))
    .map((path) => `${path} is missing: every dialect has the same statements.`);
  const silent = files
    .filter(({ text }) => !/^--[ \t]*\S/.test(text))
    .map(({ path }) => `${path}: a statement begins with a -- comment that says what it does.`);
  return [...missing, ...silent];
}
