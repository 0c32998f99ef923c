import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { readSources, ROOT, isSpec } from '../../test/architecture/source-tree.js';
import { makeTemporaryFolder } from '../../test/support/temporary-folder.js';
import { declaredProcedures, procedureNamed, procedureOfOne } from './procedure.js';
import { SqlCatalog } from './sql-catalog.js';
import { SQLITE_FOLDER } from './sqlite/sqlite-connection.js';
import { declaredStatements, statement } from './statement.js';

describe('the store', () => {
  beforeAll(async () => {
    const sources = readSources('src/store', '.ts').filter((file) => !isSpec(file));
    // A worker is no module to import; what it declares it imports from the others.
    for (const { path } of sources) if (!path.endsWith('.worker.ts')) await import(join(ROOT, path));
  });

  it('declares each of its SQL files, and has a file for each statement it declares', () => {
    const files = readSources('src/store/sql/sqlite', '.sql').map(({ path }) => path.replace(/^.*\/(.*)\.sql$/, '$1'));
    expect([...declaredStatements()].toSorted()).toEqual(files.toSorted());
  });

  it('can read every statement', () => {
    const catalog = new SqlCatalog(SQLITE_FOLDER);
    catalog.check();
    for (const name of declaredStatements()) expect(catalog.textOf({ name })).toMatch(/^--/);
  });

  it('has colons in its SQL for nothing but parameters', () => {
    const odd = readSources('src/store/sql', '.sql').flatMap(({ path, text }) => {
      const sql = text.replace(/^\s*--.*$/gm, '');
      const quoted = sql.match(/'[^']*'/g) ?? [];
      const isOdd = /:(?![a-z])|--/.test(sql) || quoted.some((literal) => literal.includes(':'));
      return isOdd ? [path] : [];
    });
    expect(odd).toEqual([]);
  });

  it('knows its procedures by name, all of them through one import', async () => {
    const known = declaredProcedures();
    for (const name of known) expect(procedureNamed(name).name).toBe(name);
    const { text } = readSources('src/store/procedures', 'all-procedures.ts')[0]!;
    const files = readSources('src/store/procedures', '.procedures.ts').map(({ path }) =>
      path.replace(/^.*\/(.*)\.ts$/, '$1'),
    );
    expect(files.filter((name) => !text.includes(`'./${name}.js'`))).toEqual([]);
  });

  it('has no two statements and no two procedures of one name', () => {
    expect(() => statement('task-lease')).toThrow("statement 'task-lease' is declared twice");
    expect(() => procedureOfOne('task-lease', async () => null)).toThrow("procedure 'task-lease' is declared twice");
  });
});

describe('SqlCatalog', () => {
  it('reads the SQL files of a folder, and says what is missing', async () => {
    const folder = await makeTemporaryFolder();
    await writeFile(join(folder.path, 'catalog-known.sql'), 'SELECT 1');
    await writeFile(join(folder.path, 'notes.txt'), 'not SQL');
    const catalog = new SqlCatalog(pathToFileURL(`${folder.path}/`));
    await folder.remove();
    expect(catalog.textOf({ name: 'catalog-known' })).toBe('SELECT 1');
    expect(() => catalog.textOf({ name: 'notes' })).toThrow("no SQL file is named 'notes'");
    expect(() => catalog.check()).toThrow(/SQL files are missing for: .*task-lease/);
  });
});
