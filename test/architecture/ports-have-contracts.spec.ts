import { describe, expect, it } from 'vitest';
import { contractGaps } from './contracts.rule.js';
import { readSources } from './source-tree.js';

describe('ports', () => {
  it('have contracts that use each of their members', () => {
    const ports = readSources('src/ports', '.ts');
    expect(ports.length).toBeGreaterThan(0);
    expect(contractGaps(ports, readSources('test/contracts', '.contract.ts'))).toEqual([]);
  });
});

describe('the contract rule', () => {
  const port = {
    path: 'src/ports/lamp.ts',
    text: `export abstract class Lamp { abstract light(): void; abstract readonly isLit: boolean; hum() {} }`,
  };
  const contract = (text: string) => [{ path: 'test/contracts/lamp.contract.ts', text }];

  it('asks for a contract', () => {
    expect(contractGaps([port], [])).toEqual([
      'src/ports/lamp.ts: a port has a contract, and test/contracts/lamp.contract.ts does not exist.',
    ]);
  });

  it('asks for each abstract member', () => {
    const text = `export function exerciseLamp(make) { make().light(); }\n// lamp.isLitUp`;
    expect(contractGaps([port], contract(text))).toEqual([
      'src/ports/lamp.ts: each member of a port is exercised, and test/contracts/lamp.contract.ts never uses .isLit.',
    ]);
  });

  it('asks for the exported function', () => {
    expect(contractGaps([port], contract(`function exerciseLamp(lamp) { lamp.light(); lamp.isLit; }`))).toEqual([
      'test/contracts/lamp.contract.ts exports no function exercise…() that adapters could be given to.',
    ]);
  });

  it('is content when all is there, and with files that are no ports', () => {
    const text = `export function exerciseLamp(lamp) { lamp.light(); lamp.isLit; }`;
    expect(contractGaps([port], contract(text))).toEqual([]);
    expect(contractGaps([{ path: 'src/ports/event-map.ts', text: 'export interface EventMap {}' }], [])).toEqual([]);
  });
});
