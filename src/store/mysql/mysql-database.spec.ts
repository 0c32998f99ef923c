import { expect, it } from 'vitest';
import { messageOf } from '../../kernel/errors.js';
import { MysqlDatabase } from './mysql-database.js';

it.each([
  ['127.0.0.1:1', /127\.0\.0\.1:1/],
  ['[::1]:1', /::1:1/],
])(
  'a database at %s, where nobody is, is told by name, with what to do, but without its password',
  async (host, reason) => {
    const opening = MysqlDatabase.open({ url: `mysql://u:hush@${host}/db`, mayMigrate: false });
    const message = messageOf(await opening.catch((error: unknown) => error));
    expect(message).toContain(`the database at ${host}/db cannot be used: connect E`);
    expect(message).toMatch(reason);
    expect(message).toContain('; look whether it runs, and whether MILLRACE_DATABASE_URL');
    expect(message).not.toContain('hush');
  },
);
