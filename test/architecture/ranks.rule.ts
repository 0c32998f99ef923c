/**
 * Who may import whom. A folder imports only folders of lower rank, and itself; folders of one rank do not know each
 * other. What deviates from that sentence is in the tables below it.
 */
import ts from 'typescript';
import { describeImport, importsOf, lineOf, parse, type Import } from './imports.js';
import { isSpec, type SourceText } from './source-tree.js';

/** Lowest first. `x/*` stands for each folder in `x`; `app` for the three files beside the folders. */
export const RANKS: readonly (readonly string[])[] = [
  ['kernel'],
  ['config', 'telemetry', 'ports'],
  ['store', 'adapters/*'],
  ['modules/*'],
  ['engines/*', 'api/*', 'console'],
  ['app', 'cli'],
];

/** They run without the server, so they import nothing of it. */
export const ALONE: readonly string[] = ['sdk', 'sim'];

export const APP_FILES: readonly string[] = ['src/app.module.ts', 'src/bootstrap.ts', 'src/main.ts'];

/** Allowed although not of lower rank. */
const ALSO: Readonly<Record<string, readonly string[]>> = {
  ports: ['telemetry'],
  // What both modes do within one process.
  'adapters/*': ['adapters/local'],
  'api/*': ['api/common'],
  cli: ['app', 'sim', 'sdk'],
};

/** Refused although of lower rank: what is above the ports works with any adapter. */
const NEVER: Readonly<Record<string, readonly string[]>> = {
  'modules/*': ['adapters/*'],
  'engines/*': ['adapters/*'],
  'api/*': ['adapters/*'],
  console: ['adapters/*'],
};

/** Between modules only downward. A new module is entered here. */
export const MODULE_MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  batches: ['tasks', 'files', 'callbacks', 'queues'],
  tasks: ['queues', 'callbacks', 'instances'],
  queues: ['upstreams'],
  files: [],
  upstreams: [],
  instances: ['handlers'],
  handlers: [],
  access: ['audit'],
  setup: ['queues', 'upstreams', 'access'],
  audit: [],
  callbacks: [],
};

/** Folders whose subfolders each stand for themselves; `compat` is one level deeper. */
const FOLDERS_OF_UNITS = /^(?:adapters|modules|engines|api\/compat|api)\/[^/]+(?=\/)/;

export function rankViolations(files: readonly SourceText[]): string[] {
  const sources = files.filter((file) => !isSpec(file));
  const homeless = sources
    .filter((file) => kindOf(unitOf(file.path)) === null)
    .map((file) => `${file.path} has no rank: move it to a folder of the rank table, or enter its folder there.`);
  const wrong = sources.flatMap((file) =>
    importsOf(file).flatMap((found) => {
      const reason = refuse(found);
      return reason === null ? [] : [`${describeImport(found)}: ${reason}`];
    }),
  );
  return [...homeless, ...wrong];
}

/** `src/modules/files/file.service.ts` is of the unit `modules/files`. Null outside the source tree. */
export function unitOf(path: string): string | null {
  if (APP_FILES.includes(path)) return 'app';
  if (!path.startsWith('src/')) return null;
  const inside = path.slice('src/'.length);
  return FOLDERS_OF_UNITS.exec(inside)?.[0] ?? (inside.includes('/') ? inside.slice(0, inside.indexOf('/')) : inside);
}

/** The name under which a unit is in the tables: `modules/files` is in them as `modules/*`. Null when in none. */
function kindOf(unit: string | null): string | null {
  const kind = unit?.replace(/\/.*$/, '/*') ?? null;
  if (kind === 'modules/*' && !Object.hasOwn(MODULE_MAY_IMPORT, unit!.slice('modules/'.length))) return null;
  return kind !== null && (ALONE.includes(kind) || rankOf(kind) >= 0) ? kind : null;
}

function rankOf(kind: string): number {
  return RANKS.findIndex((kinds) => kinds.includes(kind));
}

/** The sentence that forbids this import, or null. */
function refuse({ from, target }: Import): string | null {
  const unit = unitOf(from);
  const [fromKind, other] = [kindOf(unit), target === null ? null : unitOf(target)];
  if (target === null || fromKind === null || other === unit) return null;
  const otherKind = kindOf(other);
  if (other === null || otherKind === null) return 'the source tree imports only files of the rank table.';
  if (ALSO[fromKind]?.some((name) => name === other || name === otherKind)) return null;
  if (ALONE.includes(fromKind)) return `${unit}/ imports nothing of the server.`;
  if (ALONE.includes(otherKind)) return `only cli/ imports ${other}/.`;
  if (NEVER[fromKind]?.includes(otherKind)) return `${fromKind} works through ports and never imports ${otherKind}.`;
  if (fromKind === 'modules/*' && otherKind === fromKind) return refuseModule(unit!, other);
  if (rankOf(otherKind) < rankOf(fromKind)) return null;
  return `a folder imports only lower ranks; ${unit} has rank ${rankOf(fromKind)}, ${other} has ${rankOf(otherKind)}.`;
}

function refuseModule(unit: string, other: string): string | null {
  const allowed = MODULE_MAY_IMPORT[unit.slice('modules/'.length)]!;
  if (allowed.includes(other.slice('modules/'.length))) return null;
  return `of the modules, ${unit} may import ${allowed.join(', ') || 'none'}.`;
}

/** The two modes differ below the ports only, so nobody but the composition root asks which one it is. */
export function modeReaders(files: readonly SourceText[]): string[] {
  return files
    .filter((file) => !isSpec(file) && file.path !== 'src/app.module.ts')
    .filter((file) => !file.path.startsWith('src/config/')) // declares it and checks what goes with it
    .flatMap((file) => {
      const source = parse(file);
      const found: string[] = [];
      const visit = (node: ts.Node): void => {
        if (readsMode(node)) {
          const place = `${file.path}:${lineOf(source, node)}`;
          found.push(
            `${place} reads the mode with '${node.getText(source)}': only app.module.ts looks at config.mode.`,
          );
        }
        ts.forEachChild(node, visit);
      };
      visit(source);
      return found;
    });
}

/** `config.mode`, `x.mode === …` or `const { mode } = config`. */
function readsMode(node: ts.Node): boolean {
  const isConfig = (expression: ts.Node | undefined) => /config$/i.test(expression?.getText() ?? '');
  if (ts.isBindingElement(node)) {
    const property = node.propertyName ?? node.name;
    return property.getText() === 'mode' && isConfig(node.parent.parent.getChildren().at(-1));
  }
  if (!ts.isPropertyAccessExpression(node) || node.name.text !== 'mode') return false;
  const isCompared = ts.isBinaryExpression(node.parent) && /^[!=]==?$/.test(node.parent.operatorToken.getText());
  return isCompared || isConfig(node.expression);
}
