import { beforeEach, describe, expect, it } from 'vitest';
import { settle } from '../../../test/support/inbox.js';
import { MysqlSender } from './mysql-sender.js';

/** Stands for the server: notes what comes in one go, and answers each statement with its own text. */
class FakeServer {
  readonly packets: string[][] = [];
  /** A statement that fails; those behind it in its packet do not run. */
  failing: string | null = null;
  readonly ran: string[] = [];

  readonly take = async (sql: string, ...rest: unknown[]): Promise<unknown> => {
    const statements = sql.split(';\n');
    this.packets.push(statements);
    await new Promise((resolve) => setImmediate(resolve));
    for (const statement of statements) {
      if (statement === this.failing) throw new Error(`${statement} failed`);
      this.ran.push(statement);
    }
    if (rest.length > 0) return [sql, ...rest];
    return statements.length === 1 ? sql : statements;
  };
}

describe('MysqlSender', () => {
  let server: FakeServer;
  let sender: MysqlSender;
  beforeEach(() => {
    server = new FakeServer();
    sender = new MysqlSender(server.take);
  });

  it('sends together what is asked for without waiting, in order, and gives each its own answer', async () => {
    expect(await Promise.all(['a', 'b', 'c'].map((sql) => sender.send(sql)))).toEqual(['a', 'b', 'c']);
    expect(await sender.send('d')).toBe('d');
    expect(server.packets).toEqual([['a', 'b', 'c'], ['d']]);
  });

  it('takes along what is asked for after promises that are ready already', async () => {
    sender.sendAlong('a');
    for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
    expect(await sender.send('b')).toBe('b');
    expect(server.packets).toEqual([['a', 'b']]);
  });

  it('keeps the order of what is asked for while an answer is on its way', async () => {
    const first = sender.send('a');
    await settle();
    const others = Promise.all([sender.send('b'), sender.send('c')]);
    expect([await first, ...(await others)]).toEqual(['a', 'b', 'c']);
    expect(server.packets).toEqual([['a'], ['b', 'c']]);
  });

  it('sends a statement with values alone, because they are put in where others have question marks', async () => {
    sender.sendAlong(`a '?'`);
    const asked = sender.send('b ?', [1]);
    sender.sendAlong('c');
    expect(await asked).toEqual(['b ?', [1]]);
    expect(await sender.send('d')).toBe('d');
    expect(server.packets).toEqual([[`a '?'`], ['b ?'], ['c', 'd']]);
  });

  it('sends no more at once than a server takes', async () => {
    const long = 'x'.repeat(2_500_000);
    await Promise.all([sender.send('a'), sender.send(`${long}1`), sender.send(`${long}2`), sender.send('b')]);
    expect(server.packets.map((packet) => packet.map(({ length }) => length))).toEqual([
      [1, 2_500_001],
      [2_500_001, 1],
    ]);
  });

  it('tells when all is answered, also what nobody waits for', async () => {
    await sender.answered();
    sender.sendAlong('a');
    sender.sendAlong('b');
    await sender.answered();
    expect(server.ran).toEqual(['a', 'b']);
    server.failing = 'c';
    sender.sendAlong('c');
    await expect(sender.answered()).rejects.toThrow('c failed');
    await expect(sender.answered()).rejects.toThrow('c failed');
  });

  describe('after a statement that failed', () => {
    it('runs nothing, although nobody waited for that one: not what went along, nor what comes later', async () => {
      server.failing = 'b';
      sender.sendAlong('a');
      sender.sendAlong('b');
      await expect(sender.send('COMMIT')).rejects.toThrow('b failed');
      await expect(sender.send('c')).rejects.toThrow('b failed');
      await settle();
      expect(server.ran).toEqual(['a']);
      expect(server.packets).toEqual([['a', 'b', 'COMMIT']]);
    });

    it('sends nothing that waited meanwhile, and knows that it did not', async () => {
      server.failing = 'a';
      sender.sendAlong('a');
      await settle();
      const commit = sender.send('COMMIT');
      await expect(commit).rejects.toThrow('a failed');
      expect(server.packets).toEqual([['a']]);
      expect(sender.hasSent('COMMIT')).toBe(false);
    });

    it('knows what it sent, of which nobody can say here whether it ran', async () => {
      server.failing = 'COMMIT';
      sender.sendAlong('a');
      await expect(sender.send('COMMIT')).rejects.toThrow('COMMIT failed');
      expect(sender.hasSent('COMMIT')).toBe(true);
    });
  });

  it('drops what waits when it is stopped', async () => {
    const sent = sender.send('a');
    await settle();
    const waiting = sender.send('b');
    sender.stop(new Error('rolled back'));
    await expect(waiting).rejects.toThrow('rolled back');
    expect(await sent).toBe('a');
    await settle();
    expect(server.packets).toEqual([['a']]);
  });
});
