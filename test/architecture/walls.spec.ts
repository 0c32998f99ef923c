import { describe, expect, it } from 'vitest';
import { readSources } from './source-tree.js';
import { wallViolations } from './walls.rule.js';

describe('the walls around third parties', () => {
  it('hold', () => {
    expect(wallViolations(readSources('src', '.ts'))).toEqual([]);
  });

  it.each([
    ['src/modules/files/a.ts', 'typeorm', 'typeorm stays in src/store/.'],
    ['src/adapters/embedded/a.ts', 'better-sqlite3', 'better-sqlite3 stays in src/store/.'],
    ['src/engines/dispatch/a.ts', 'mysql2/promise', 'mysql2 stays in src/store/.'],
    ['src/store/a.ts', 'bull', 'bull stays in src/adapters/distributed/.'],
    ['src/adapters/embedded/a.ts', 'ioredis', 'ioredis stays in'],
    ['src/modules/files/a.ts', '@aws-sdk/client-s3', '@aws-sdk/client-s3 stays in'],
    ['src/main.ts', 'fastify', 'fastify stays in'],
    ['src/modules/files/a.ts', '@fastify/multipart', '@fastify/multipart stays in'],
    ['src/modules/files/a.ts', '@nestjs/swagger', '@nestjs/swagger stays in'],
    ['src/api/openai/a.ts', 'undici', 'undici stays in'],
    ['src/engines/ingest/a.ts', 'node:fs', 'node:fs stays in'],
    ['src/engines/ingest/a.ts', 'fs/promises', 'fs stays in'],
    [
      'src/kernel/a.ts',
      '@nestjs/common',
      'src/kernel/ imports no package but node:crypto, node:stream, node:zlib, uuid.',
    ],
    ['src/kernel/a.ts', 'node:path', 'src/kernel/ imports no package but'],
    ['src/sdk/a.ts', 'undici', 'undici stays in'],
    ['src/sdk/a.ts', 'uuid', 'src/sdk/ imports no package but node:*.'],
  ])('refuse %s importing %s', (path, specifier, rule) => {
    const violations = wallViolations([{ path, text: `\nimport x from '${specifier}';` }]);
    expect(violations[0]).toContain(`${path}:2 imports '${specifier}': ${rule}`);
  });

  it.each([
    ['src/store/sqlite/a.ts', 'better-sqlite3'],
    ['src/adapters/distributed/a.ts', '@aws-sdk/lib-storage'],
    ['src/bootstrap.ts', '@nestjs/platform-fastify'],
    ['src/api/openai/a.ts', '@nestjs/swagger'],
    ['src/cli/a.ts', 'node:fs/promises'],
    ['src/kernel/a.ts', 'uuid'],
    ['src/sdk/a.ts', 'node:timers/promises'],
    ['src/modules/files/a.spec.ts', 'node:fs'],
    ['src/modules/files/a.ts', 'bullet'],
  ])('let %s import %s', (path, specifier) => {
    expect(wallViolations([{ path, text: `import x from '${specifier}';` }])).toEqual([]);
  });

  it.each([
    `const port = process.env.PORT;`,
    `const port = process['env'].PORT;`,
    `const { env } = process;`,
    `import { env } from 'node:process';`,
  ])('refuse %s outside config/', (text) => {
    const violations = wallViolations([{ path: 'src/engines/ingest/a.ts', text }]);
    expect(violations).toEqual([expect.stringContaining('src/engines/ingest/a.ts:1 reads the environment')]);
    expect(wallViolations([{ path: 'src/config/a.ts', text }])).toEqual([]);
  });

  it('let process.envelope and comments pass', () => {
    const text = `// process.env\nconst { env } = options; process.exitCode = process.envelope;`;
    expect(wallViolations([{ path: 'src/main.ts', text }])).toEqual([]);
  });
});
