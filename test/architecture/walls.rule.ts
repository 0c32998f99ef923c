/**
 * Where each third party ends. Behind a wall a library can be replaced, and code outside reads without knowing it.
 */
import ts from 'typescript';
import { describeImport, importsOf, lineOf, parse } from './imports.js';
import { isSpec, type SourceText } from './source-tree.js';

interface Wall {
  /** Package names; `@scope/*` for all of a scope. */
  packages: readonly string[];
  /** Path prefixes. */
  inside: readonly string[];
}

export const WALLS: readonly Wall[] = [
  { packages: ['typeorm', 'better-sqlite3', 'mysql2', '@nestjs/typeorm'], inside: ['src/store/'] },
  {
    packages: ['bull', 'bullmq', '@nestjs/bull', '@nestjs/bullmq', 'ioredis', '@aws-sdk/*'],
    inside: ['src/adapters/distributed/'],
  },
  {
    packages: ['fastify', '@fastify/*', '@nestjs/platform-fastify'],
    inside: ['src/bootstrap.ts', 'src/app.module.ts', 'src/api/', 'src/console/'],
  },
  { packages: ['@nestjs/swagger'], inside: ['src/bootstrap.ts', 'src/api/', 'src/console/'] },
  // The prober makes an operator's test call go the way of a call in earnest.
  { packages: ['undici'], inside: ['src/engines/', 'src/cli/', 'src/modules/upstreams/upstream-prober.ts'] },
  {
    packages: ['node:fs', 'fs'],
    inside: ['src/adapters/', 'src/config/', 'src/store/', 'src/console/', 'src/cli/', 'src/sim/'],
  },
];

/** Folders that may import nothing but this; files of the project are the matter of the ranks. */
export const ONLY: Readonly<Record<string, readonly string[]>> = {
  'src/kernel/': ['node:crypto', 'node:stream', 'node:zlib', 'uuid'],
  // One file to copy into any project: what Node itself has, and no dependency.
  'src/sdk/': ['node:*'],
};

const READS_ENVIRONMENT = ['src/config/', 'src/cli/', 'src/sim/'];

export function wallViolations(files: readonly SourceText[]): string[] {
  return files
    .filter((file) => !isSpec(file))
    .flatMap((file) => [...packageViolations(file), ...environmentViolations(file)]);
}

function packageViolations(file: SourceText): string[] {
  return importsOf(file)
    .filter(({ target }) => target === null)
    .flatMap((found) => {
      const name = packageOf(found.specifier);
      const reasons = [brokenWall(file.path, name), brokenOnly(file.path, name)];
      return reasons.filter((reason) => reason !== null).map((reason) => `${describeImport(found)}: ${reason}`);
    });
}

/** `@aws-sdk/client-s3/dist/x.js` is of `@aws-sdk/client-s3`; `node:fs/promises` of `node:fs`. */
function packageOf(specifier: string): string {
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
}

function brokenWall(path: string, name: string): string | null {
  const wall = WALLS.find(({ packages }) => packages.some((pattern) => matches(name, pattern)));
  if (wall === undefined || wall.inside.some((prefix) => path.startsWith(prefix))) return null;
  return `${name} stays in ${wall.inside.join(', ')}.`;
}

function brokenOnly(path: string, name: string): string | null {
  const entry = Object.entries(ONLY).find(([folder]) => path.startsWith(folder));
  if (entry === undefined || entry[1].some((pattern) => matches(name, pattern))) return null;
  return `${entry[0]} imports no package but ${entry[1].join(', ')}.`;
}

function matches(name: string, pattern: string): boolean {
  return pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern;
}

function environmentViolations(file: SourceText): string[] {
  if (READS_ENVIRONMENT.some((prefix) => file.path.startsWith(prefix))) return [];
  const source = parse(file);
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    if (readsEnvironment(node)) {
      const place = `${file.path}:${lineOf(source, node)}`;
      found.push(`${place} reads the environment: process.env stays in ${READS_ENVIRONMENT.join(', ')}.`);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

/** `process.env`, `process['env']`, `const { env } = process` or `import { env } from 'node:process'`. */
function readsEnvironment(node: ts.Node): boolean {
  if (ts.isPropertyAccessExpression(node) || ts.isElementAccessExpression(node)) {
    return /\bprocess\s*(?:\?\.|\.)?\s*(?:env|\[['"]env['"]\])$/.test(node.getText());
  }
  if (ts.isBindingElement(node)) {
    return (node.propertyName ?? node.name).getText() === 'env' && /=\s*process$/.test(node.parent.parent.getText());
  }
  if (!ts.isImportSpecifier(node) || (node.propertyName ?? node.name).text !== 'env') return false;
  return /from ['"](?:node:)?process['"]/.test(node.parent.parent.parent.getText());
}
