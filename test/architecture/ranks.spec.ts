import { describe, expect, it } from 'vitest';
import { MODULE_MAY_IMPORT, modeReaders, rankViolations, unitOf } from './ranks.rule.js';
import { readSources } from './source-tree.js';

describe('the ranks of the source tree', () => {
  const sources = readSources('src', '.ts');

  it('hold', () => {
    expect(sources.length).toBeGreaterThan(0);
    expect(rankViolations(sources)).toEqual([]);
  });

  it('are composed in one place: only app.module.ts reads the mode', () => {
    expect(modeReaders(sources)).toEqual([]);
  });

  it('order the modules: what a module may import leads back to it nowhere', () => {
    const reaches = (from: string, seen: string[] = []): string[] =>
      MODULE_MAY_IMPORT[from]!.flatMap((to) => (seen.includes(to) ? [to] : [to, ...reaches(to, [...seen, to])]));
    for (const name of Object.keys(MODULE_MAY_IMPORT)) expect(reaches(name)).not.toContain(name);
  });
});

describe('the rank rule', () => {
  const check = (path: string, specifier: string) =>
    rankViolations([{ path, text: `import { x } from '${specifier}';` }]);

  it.each([
    [
      'src/kernel/a.ts',
      '../config/app-config.js',
      'a folder imports only lower ranks; kernel has rank 0, config has 1.',
    ],
    [
      'src/config/a.ts',
      '../telemetry/logger.js',
      'a folder imports only lower ranks; config has rank 1, telemetry has 1.',
    ],
    ['src/adapters/embedded/a.ts', '../distributed/b.js', 'a folder imports only lower ranks'],
    ['src/adapters/embedded/a.ts', '../../store/b.js', 'a folder imports only lower ranks'],
    ['src/modules/files/a.ts', '../../adapters/embedded/b.js', 'modules/* works through ports'],
    ['src/modules/files/a.ts', '../tasks/b.js', 'of the modules, modules/files may import none.'],
    [
      'src/modules/tasks/a.ts',
      '../batches/b.js',
      'of the modules, modules/tasks may import queues, callbacks, instances.',
    ],
    ['src/modules/files/a.ts', '../../engines/ingest/b.js', 'a folder imports only lower ranks'],
    ['src/engines/ingest/a.ts', '../dispatch/b.js', 'a folder imports only lower ranks'],
    ['src/api/openai/a.ts', '../queue/b.js', 'a folder imports only lower ranks'],
    ['src/api/openai/a.ts', '../../engines/ingest/b.js', 'a folder imports only lower ranks'],
    ['src/api/compat/celery/a.ts', '../bullmq/b.js', 'a folder imports only lower ranks'],
    ['src/api/openai/a.ts', '../../app.module.js', 'a folder imports only lower ranks'],
    ['src/bootstrap.ts', './cli/main.js', 'a folder imports only lower ranks'],
    ['src/sdk/a.ts', '../kernel/ids.js', 'sdk/ imports nothing of the server.'],
    ['src/sim/a.ts', '../sdk/b.js', 'sim/ imports nothing of the server.'],
    ['src/engines/ingest/a.ts', '../../sim/b.js', 'only cli/ imports sim/.'],
    ['src/api/common/a.ts', '../../../test/support/b.js', 'the source tree imports only files of the rank table.'],
  ])('refuses %s importing %s', (path, specifier, rule) => {
    const violations = check(path, specifier);
    expect(violations).toHaveLength(1);
    expect(violations[0]).toContain(`${path}:1 imports '${specifier}': ${rule}`);
  });

  it.each([
    ['src/modules/batches/a.ts', '../tasks/b.js'],
    ['src/modules/files/a.ts', './b.js'],
    ['src/modules/files/a.ts', '../../store/b.js'],
    ['src/ports/a.ts', '../telemetry/b.js'],
    ['src/api/openai/a.ts', '../common/b.js'],
    ['src/api/compat/celery/a.ts', '../../common/b.js'],
    ['src/engines/dispatch/a.ts', '../../modules/tasks/b.js'],
    ['src/app.module.ts', './adapters/embedded/b.js'],
    ['src/main.ts', './bootstrap.js'],
    ['src/cli/a.ts', '../sim/b.js'],
    ['src/cli/commands/a.ts', '../main.js'],
    ['src/kernel/a.spec.ts', '../store/b.js'],
    ['src/kernel/a.ts', 'some-package'],
  ])('lets %s import %s', (path, specifier) => {
    expect(check(path, specifier)).toEqual([]);
  });

  it.each(['src/stray.ts', 'src/misc/a.ts', 'src/modules/a.ts', 'src/modules/gadgets/a.ts'])(
    'finds no rank for %s',
    (path) => {
      expect(rankViolations([{ path, text: '' }])).toEqual([expect.stringContaining(`${path} has no rank`)]);
    },
  );

  it.each([
    `export * from '../store/b.js';`,
    `export { type X } from '../store/b.js';`,
    `import type { X } from '../store/b.js';`,
    `const x = await import('../store/b.js');`,
    `let x: import('../store/b.js').X;`,
    `import x = require('../store/b.js');`,
    `import '../store/b.js';`,
  ])('sees %s', (text) => {
    expect(rankViolations([{ path: 'src/kernel/a.ts', text }])).toHaveLength(1);
  });

  it('is not fooled by comments and strings', () => {
    const text = `// import '../store/b.js'\nconst x = "import '../store/b.js'";`;
    expect(rankViolations([{ path: 'src/kernel/a.ts', text }])).toEqual([]);
  });

  it('tells units by their folders', () => {
    expect(unitOf('src/modules/files/sub/a.ts')).toBe('modules/files');
    expect(unitOf('src/api/compat/celery/a.ts')).toBe('api/compat/celery');
    expect(unitOf('test/support/a.ts')).toBeNull();
  });
});

describe('the mode rule', () => {
  it.each([
    `if (config.mode === 'embedded') start();`,
    `const isSmall = settings.mode !== 'distributed';`,
    `log(this.config.mode);`,
    `const { mode } = config;`,
    `const { mode: how, role } = this.appConfig;`,
    `switch (config.mode) { }`,
  ])('refuses %s', (text) => {
    expect(modeReaders([{ path: 'src/store/a.ts', text }])).toHaveLength(1);
    expect(modeReaders([{ path: 'src/app.module.ts', text }])).toEqual([]);
  });

  it('leaves other modes alone', () => {
    const text = `const bits = stat.mode & 0o777; const { mode } = request; if (task.responseMode === 'batch') run();`;
    expect(modeReaders([{ path: 'src/store/a.ts', text }])).toEqual([]);
  });
});
