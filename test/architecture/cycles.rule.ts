import { importsOf } from './imports.js';
import { isSpec, type SourceText } from './source-tree.js';

/** At least one message for each knot of files that import each other; imports of types alone do not count. */
export function importCycles(files: readonly SourceText[]): string[] {
  const graph = new Map(files.filter((file) => !isSpec(file)).map((file) => [file.path, targetsOf(file)]));
  const found: string[] = [];
  const isDone = new Set<string>();
  const visit = (path: string, trail: readonly string[]): void => {
    const start = trail.indexOf(path);
    if (start >= 0) {
      found.push(`${[...trail.slice(start), path].join(' → ')}: files do not import each other in a circle.`);
    } else if (!isDone.has(path)) {
      for (const target of graph.get(path) ?? []) visit(target, [...trail, path]);
      isDone.add(path);
    }
  };
  for (const path of graph.keys()) visit(path, []);
  return found;
}

function targetsOf(file: SourceText): string[] {
  return importsOf(file).flatMap(({ target, isTypeOnly }) => (target === null || isTypeOnly ? [] : [target]));
}
