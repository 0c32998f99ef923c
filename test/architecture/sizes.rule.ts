/** How big a thing may be before it wants to be two, and how files and folders are named. */
import ts from 'typescript';
import { lineOf, parse } from './imports.js';
import { isSpec, type SourceText } from './source-tree.js';

export const MAX_FILE_LINES = 400;
export const MAX_FUNCTION_LINES = 60;
export const MAX_CONSTRUCTOR_PARAMETERS = 7;

const KEBAB_CASE = /^[a-z0-9]+(?:-[a-z0-9]+)*(?:\.[a-z0-9]+(?:-[a-z0-9]+)*)*\.ts$/;
/** Folders that say nothing of what is in them. */
const VAGUE_FOLDERS = /(?:^|\/)(?:utils?|helpers?|common)(?=\/)/;

export function sizeViolations(files: readonly SourceText[]): string[] {
  return files.flatMap((file) => [...fileViolations(file), ...(isSpec(file) ? [] : functionViolations(file))]);
}

function fileViolations({ path, text }: SourceText): string[] {
  const lines = text.split('\n').length - (text.endsWith('\n') ? 1 : 0);
  return lines > MAX_FILE_LINES ? [`${path} has ${lines} lines: a file has at most ${MAX_FILE_LINES}.`] : [];
}

function functionViolations(file: SourceText): string[] {
  const source = parse(file);
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isFunctionLike(node) && 'body' in node && node.body !== undefined) {
      const start = lineOf(source, node);
      const lines = source.getLineAndCharacterOfPosition(node.getEnd()).line + 2 - start;
      const place = `${file.path}:${start}`;
      if (lines > MAX_FUNCTION_LINES) {
        found.push(`${place} is a function of ${lines} lines: a function has at most ${MAX_FUNCTION_LINES}.`);
      }
      const count = node.parameters.length;
      if (ts.isConstructorDeclaration(node) && count > MAX_CONSTRUCTOR_PARAMETERS) {
        found.push(`${place} takes ${count} things: a constructor takes at most ${MAX_CONSTRUCTOR_PARAMETERS}.`);
      }
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

export function nameViolations(paths: readonly string[]): string[] {
  return paths.flatMap((path) => {
    const name = path.slice(path.lastIndexOf('/') + 1);
    const found: string[] = [];
    if (!KEBAB_CASE.test(name)) found.push(`${path}: file names are kebab-case, with a role such as .service.`);
    if (name === 'index.ts' && !path.startsWith('src/sdk/')) found.push(`${path}: no barrels, import the file.`);
    if (VAGUE_FOLDERS.test(path.replace(/^src\/api\/common\//, 'src/api/'))) {
      found.push(`${path}: a folder is named by what is in it; only api/ has a common/.`);
    }
    return found;
  });
}
