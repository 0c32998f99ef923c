import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { configMarkdownTable } from '../../src/config/config-print.js';

const ROOT = join(import.meta.dirname, '../..');
const README = readFileSync(join(ROOT, 'README.md'), 'utf8');

describe('the README', () => {
  it('holds the table of variables as the code has it', () => {
    expect(README).toContain(configMarkdownTable().trim());
  });

  it('names only scripts that there are', () => {
    const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { scripts: object };
    const named = [...README.matchAll(/npm run ([a-z:]+)/g)].map(([, script]) => script!);
    expect(named.length).toBeGreaterThan(3);
    expect(named.filter((script) => !Object.hasOwn(scripts, script))).toEqual([]);
  });

  it('names only files that there are', () => {
    const named = [...README.matchAll(/`((?:test|src|examples)\/[\w./-]+\.\w+)`/g)].map(([, file]) => file!);
    expect(named.length).toBeGreaterThan(3);
    const missing = named.filter((file) => {
      try {
        readFileSync(join(ROOT, file));
        return false;
      } catch {
        return true;
      }
    });
    expect(missing).toEqual([]);
  });
});
