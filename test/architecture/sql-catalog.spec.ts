import { describe, expect, it } from 'vitest';
import { sqlViolations } from './sql-catalog.rule.js';
import { readSources } from './source-tree.js';

describe('the SQL files', () => {
  it('are the same in every dialect, and say what they do', () => {
    expect(sqlViolations(readSources('src/store/sql', '.sql'))).toEqual([]);
  });

  it('may not be missing in a dialect', () => {
    const files = ['sqlite/lease.sql', 'sqlite/put.sql', 'mysql/put.sql'].map((name) => ({
      path: `src/store/sql/${name}`,
      text: '-- Does it.\nSELECT 1;\n',
    }));
    expect(sqlViolations(files)).toEqual([
      'src/store/sql/mysql/lease.sql is missing: every dialect has the same statements.',
    ]);
  });

  it.each(['SELECT 1;\n', '--\nSELECT 1;\n', ''])('may not begin like %j', (text) => {
    expect(sqlViolations([{ path: 'src/store/sql/sqlite/put.sql', text }])).toEqual([
      'src/store/sql/sqlite/put.sql: a statement begins with a -- comment that says what it does.',
    ]);
  });
});
