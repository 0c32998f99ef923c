/** The project as text, for rules that look at how it is written. Paths start at the root and use `/`. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

export interface SourceText {
  path: string;
  text: string;
}

export const ROOT = join(import.meta.dirname, '../..');

/** Every file below `folder` whose path ends in `ending`; a folder that is not there yet has none. */
export function readSources(folder: string, ending: string): SourceText[] {
  return listFiles(folder)
    .filter((path) => path.endsWith(ending))
    .map((path) => ({ path, text: readFileSync(join(ROOT, path), 'utf8') }));
}

/** Specs may set up what they test with anything, so most rules are about the rest. */
export function isSpec(file: SourceText): boolean {
  return file.path.endsWith('.spec.ts');
}

/** Paths of all files below `folder` ('' for the root), folders in `skipped` left out. */
export function listFiles(folder: string, skipped: readonly string[] = []): string[] {
  const absolute = join(ROOT, folder);
  if (!statSync(absolute, { throwIfNoEntry: false })?.isDirectory()) return [];
  return readdirSync(absolute, { withFileTypes: true }).flatMap((entry) => {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
    if (entry.isDirectory()) return skipped.includes(path) ? [] : listFiles(path, skipped);
    return entry.isFile() ? [path] : [];
  });
}
