import { posix } from 'node:path';
import ts from 'typescript';
import type { SourceText } from './source-tree.js';

/** One place where a file names another, or a package. */
export interface Import {
  /** Path of the importing file. */
  from: string;
  line: number;
  /** As written, e.g. `../kernel/ids.js`. */
  specifier: string;
  /** Path of the imported file of this project, with the ending it has in the source; null for a package. */
  target: string | null;
  /** Gone after compilation, so it cannot close a cycle. */
  isTypeOnly: boolean;
}

/** Static and dynamic imports, re-exports, `require` and `import('x').Type`, in the order of the text. */
export function importsOf(file: SourceText): Import[] {
  const source = parse(file);
  const found: Import[] = [];
  const visit = (node: ts.Node): void => {
    const specifier = specifierOf(node);
    if (specifier !== null) {
      const line = lineOf(source, node);
      const target = specifier.startsWith('.') ? resolve(file.path, specifier) : null;
      found.push({ from: file.path, line, specifier, target, isTypeOnly: isTypeOnly(node) });
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

export function parse(file: SourceText): ts.SourceFile {
  return ts.createSourceFile(file.path, file.text, ts.ScriptTarget.ES2023, true);
}

/** 1-based line on which the node starts; its doc-comment does not count. */
export function lineOf(source: ts.SourceFile, node: ts.Node): number {
  return source.getLineAndCharacterOfPosition(node.getStart(source)).line + 1;
}

/** How every message of these rules begins. */
export function describeImport({ from, line, specifier }: Import): string {
  return `${from}:${line} imports '${specifier}'`;
}

function specifierOf(node: ts.Node): string | null {
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) return literal(node.moduleSpecifier);
  if (ts.isExternalModuleReference(node)) return literal(node.expression);
  if (ts.isImportTypeNode(node)) return ts.isLiteralTypeNode(node.argument) ? literal(node.argument.literal) : null;
  if (!ts.isCallExpression(node)) return null;
  const isDynamic = node.expression.kind === ts.SyntaxKind.ImportKeyword;
  const isRequire = ts.isIdentifier(node.expression) && node.expression.text === 'require';
  return isDynamic || isRequire ? literal(node.arguments[0]) : null;
}

function literal(node: ts.Node | undefined): string | null {
  return node !== undefined && ts.isStringLiteralLike(node) ? node.text : null;
}

function isTypeOnly(node: ts.Node): boolean {
  if (ts.isImportTypeNode(node)) return true;
  if (ts.isExportDeclaration(node)) return node.isTypeOnly || areAllTypes(node.exportClause);
  if (!ts.isImportDeclaration(node) || node.importClause === undefined) return false;
  const { phaseModifier, name, namedBindings } = node.importClause;
  return phaseModifier === ts.SyntaxKind.TypeKeyword || (name === undefined && areAllTypes(namedBindings));
}

function areAllTypes(names: ts.NamedImportBindings | ts.NamedExportBindings | undefined): boolean {
  if (names === undefined || !(ts.isNamedImports(names) || ts.isNamedExports(names))) return false;
  return names.elements.length > 0 && names.elements.every((element) => element.isTypeOnly);
}

function resolve(from: string, specifier: string): string {
  return posix.join(posix.dirname(from), specifier).replace(/\.js$/, '.ts');
}
