import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import prettier from 'prettier';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ConfigError } from './config-error.js';
import { configMarkdownTable, configReport } from './config-print.js';
import { VARIABLES } from './env.dto.js';

let cwd: string;
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'millrace-print-'));
});
afterEach(() => rmSync(cwd, { recursive: true }));

const report = (env: Record<string, string>) => configReport({ env, cwd, isTerminal: false });

describe('configReport', () => {
  it('shows every variable, its value as written, and where it came from', () => {
    writeFileSync(join(cwd, '.env'), 'MILLRACE_MAX_BODY=1MB\n');
    const rows = report({ MILLRACE_PORT: '0', MILLRACE_MAX_LINES: '' });
    expect(rows.map(({ name }) => name)).toEqual(VARIABLES.map(({ name }) => name));
    const row = (name: string) => rows.find((candidate) => candidate.name === name);
    expect(row('MILLRACE_PORT')).toEqual({ name: 'MILLRACE_PORT', value: '0', origin: 'environment' });
    expect(row('MILLRACE_MAX_BODY')).toEqual({ name: 'MILLRACE_MAX_BODY', value: '1MB', origin: '.env file' });
    expect(row('MILLRACE_MAX_LINES')).toEqual({ name: 'MILLRACE_MAX_LINES', value: '50000', origin: 'default' });
    expect(row('MILLRACE_SECRET')).toEqual({ name: 'MILLRACE_SECRET', value: null, origin: 'default' });
  });

  it('never shows a secret', () => {
    const canary = 'canary-0a1b2c3d4e5f';
    writeFileSync(join(cwd, 'seal'), canary);
    const rows = report({
      MILLRACE_ADMIN_KEY: canary,
      MILLRACE_SECRET_FILE: 'seal',
      MILLRACE_UPSTREAM_URL: 'http://h/v1',
      MILLRACE_UPSTREAM_KEY: 'sk-short',
    });
    expect(JSON.stringify(rows)).not.toMatch(/canary|sk-short|hort/);
    expect(rows).toContainEqual({ name: 'MILLRACE_ADMIN_KEY', value: 'set, ends in …4e5f', origin: 'environment' });
    expect(rows).toContainEqual({
      name: 'MILLRACE_SECRET',
      value: 'set, ends in …4e5f',
      origin: 'MILLRACE_SECRET_FILE',
    });
    expect(rows).toContainEqual({ name: 'MILLRACE_UPSTREAM_KEY', value: 'set', origin: 'environment' });
  });

  it('holds every secret that the config has', () => {
    expect(VARIABLES.filter(({ isSecret }) => isSecret).map(({ name }) => name)).toEqual([
      'MILLRACE_ADMIN_KEY',
      'MILLRACE_SECRET',
      'MILLRACE_DATABASE_URL',
      'MILLRACE_REDIS_URL',
      'MILLRACE_EVENTBUS_URL',
      'MILLRACE_S3_URL',
      'MILLRACE_UPSTREAM_KEY',
    ]);
  });

  it('refuses what cannot be loaded', () => {
    expect(() => report({ MILLRACE_PORT: 'x' })).toThrow(ConfigError);
  });
});

describe('configMarkdownTable', () => {
  it('has one row for each variable, with its default and its meaning', () => {
    const table = configMarkdownTable();
    expect(table.split('\n').filter((line) => line.startsWith('| `MILLRACE_'))).toHaveLength(VARIABLES.length);
    for (const { defaultText, about } of VARIABLES) {
      expect(about).toMatch(/^[A-Z].*\.$/);
      expect(table).toContain(about);
      expect(table).toContain(defaultText === null ? '| –' : `| \`${defaultText}\``);
    }
    expect(table).toContain('MILLRACE_SECRET_FILE');
  });

  it('is what prettier would make of it', async () => {
    const table = configMarkdownTable();
    expect(await prettier.format(table, { parser: 'markdown' })).toBe(table);
  });
});
