/**
 * Every port has one contract suite that all its adapters must pass: `src/ports/x.ts` is exercised by
 * `test/contracts/x.contract.ts`, and each of its members is used there.
 */
import ts from 'typescript';
import { parse } from './imports.js';
import { isSpec, type SourceText } from './source-tree.js';

export function contractGaps(ports: readonly SourceText[], contracts: readonly SourceText[]): string[] {
  return ports.flatMap((port) => {
    const members = isSpec(port) ? [] : abstractMembers(port);
    if (members.length === 0) return [];
    const path = port.path.replace(/^src\/ports\/(.*)\.ts$/, 'test/contracts/$1.contract.ts');
    const contract = contracts.find((file) => file.path === path);
    if (contract === undefined) return [`${port.path}: a port has a contract, and ${path} does not exist.`];
    const gaps = members
      .filter((member) => !new RegExp(`\\.${member}\\b`).test(contract.text))
      .map((member) => `${port.path}: each member of a port is exercised, and ${path} never uses .${member}.`);
    const isExported = /^export (?:async )?function exercise[A-Z]/m.test(contract.text);
    return isExported ? gaps : [`${path} exports no function exercise…() that adapters could be given to.`, ...gaps];
  });
}

/** Names of the abstract methods and properties of all abstract classes of a file. */
function abstractMembers(file: SourceText): string[] {
  return parse(file)
    .statements.filter(ts.isClassDeclaration)
    .flatMap((declaration) =>
      declaration.members
        .filter(isAbstract)
        .flatMap((member) => (member.name === undefined ? [] : member.name.getText())),
    );
}

function isAbstract(node: ts.ClassElement): boolean {
  return (ts.getCombinedModifierFlags(node) & ts.ModifierFlags.Abstract) !== 0;
}
