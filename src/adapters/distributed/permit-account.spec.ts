import { describe, expect, it } from 'vitest';
import { settle } from '../../../test/support/inbox.js';
import type { LimiterScripts, Statement } from './limiter-scripts.js';
import { PermitAccount } from './permit-account.js';

const LIMITS = { concurrency: 10, perMinute: null };

interface Sent {
  name: 'acquire' | 'announce';
  held: number;
  want: number;
  /** `granted` permits, or an error of Redis. */
  answer: (granted: number | Error) => Promise<void>;
}

/** An account whose Redis answers when it is told to. */
function setUp() {
  const sent: Sent[] = [];
  const opened: number[] = [];
  const send = (name: Sent['name'], { held }: Statement, want: number, toReply: (granted: number) => unknown) =>
    new Promise((resolve, reject) => {
      const answer = (granted: number | Error) => {
        if (granted instanceof Error) reject(granted);
        else resolve(toReply(granted));
        return settle();
      };
      sent.push({ name, held, want, answer });
    });
  const scripts = {
    acquire: (statement: Statement, { want }: { want: number }) =>
      send('acquire', statement, want, (granted) => ({ granted, opensIn: -1 })),
    announce: (statement: Statement) => send('announce', statement, 0, () => 0),
  };
  const account = new PermitAccount('key', {
    scripts: scripts as unknown as LimiterScripts,
    now: () => 0,
    serverNow: () => null,
    onOpen: (_, opensIn) => opened.push(opensIn),
  });
  const said = () => sent.map(({ name, held }) => [name, held]);
  return { account, sent, said, opened };
}

describe('PermitAccount', () => {
  it('asks without waiting until an announcement is answered', async () => {
    const { account, sent, said } = setUp();
    account.held = 3;
    account.giveBack(1, 0);
    const announced = account.announce();
    const acquired = account.acquire(0, 1, LIMITS);
    await settle();
    expect(said()).toEqual([
      ['announce', 2],
      ['acquire', 2],
    ]);
    await sent[1]!.answer(1);
    expect(await acquired).toEqual({ granted: 1, opensIn: -1 });
    await sent[0]!.answer(0);
    expect(await announced).toBe(true);
  });

  it('says nothing while it is not known what is granted', async () => {
    const { account, sent, said } = setUp();
    const first = account.acquire(0, 2, LIMITS);
    await settle();
    const announced = account.announce();
    const others = [account.acquire(0, 2, LIMITS), account.acquire(0, 1, LIMITS)];
    await settle();
    expect(said()).toEqual([['acquire', 0]]);
    await sent[0]!.answer(2);
    expect(said().slice(1)).toEqual([
      ['announce', 2],
      ['acquire', 2],
    ]);
    expect(sent[2]!.want).toBe(3);
    await sent[2]!.answer(2);
    expect((await Promise.all([first, ...others])).map(({ granted }) => granted)).toEqual([2, 2, 0]);
    await sent[1]!.answer(0);
    expect(await announced).toBe(true);
    expect(account.held).toBe(4);
  });

  it('has one announcement under way, and says next what has become of all since', async () => {
    const { account, sent, said, opened } = setUp();
    account.held = 5;
    const announced: Promise<boolean>[] = [account.announce()];
    await settle();
    for (let count = 0; count < 4; count += 1) {
      account.giveBack(1, 0);
      announced.push(account.announce());
      await settle();
    }
    expect(said()).toEqual([['announce', 5]]);
    await sent[0]!.answer(0);
    expect(said().slice(1)).toEqual([['announce', 1]]);
    await sent[1]!.answer(0);
    expect(await Promise.all(announced)).toEqual([true, true, true, true, true]);
    expect(opened).toEqual([0, 0]);
  });

  it('goes on when Redis fails', async () => {
    const { account, sent, said } = setUp();
    const announced = account.announce();
    const acquired = account.acquire(0, 1, LIMITS).catch((error: Error) => error.message);
    await settle();
    await sent[0]!.answer(new Error('gone'));
    await sent[1]!.answer(new Error('gone'));
    expect(await acquired).toBe('gone');
    expect(await announced).toBe(false);
    void account.announce();
    void account.acquire(0, 1, LIMITS).catch(() => {});
    await settle();
    expect(said().slice(2)).toEqual([
      ['announce', 0],
      ['acquire', 0],
    ]);
  });
});
