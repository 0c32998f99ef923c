import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeTime } from '../../test/support/fake-time.js';
import { Groups } from '../../test/support/groups.js';
import { Gate, Inbox, settle } from '../../test/support/inbox.js';
import {
  GroupCommit,
  MAX_GROUP_BYTES,
  MAX_GROUP_ROWS,
  MAX_WAITING_ROWS,
  PATIENCE_MS,
  PATIENT_ROWS,
} from './group-commit.js';
import { procedureOfMany } from './procedure.js';

const note = procedureOfMany('test-note', async (_tx, items: readonly number[]) => [...items]);
const other = procedureOfMany('test-other', async (_tx, items: readonly number[]) => [...items]);

function range(from: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => from + index);
}

describe('GroupCommit', () => {
  let groups: Groups;
  let commits: GroupCommit;

  beforeEach(() => {
    groups = new Groups();
    commits = new GroupCommit([groups.run]);
  });

  const writeAll = (args: number[]) => Promise.all(args.map((arg) => commits.write(note, arg)));

  describe('grouping', () => {
    it('joins what is written in one turn, in order', async () => {
      const answers = writeAll(range(0, 40));
      const group = await groups.nth(0);
      expect(group.args).toEqual(range(0, 40));
      group.succeed();
      expect(await answers).toEqual(range(0, 40));
      expect(groups.sizes).toEqual([40]);
    });

    it('keeps the order of calls of several procedures', async () => {
      const answers = Promise.all([commits.write(note, 1), commits.write(other, 2), commits.write(note, 3)]);
      const group = await groups.nth(0);
      expect(group.calls).toEqual([
        { procedure: 'test-note', args: 1 },
        { procedure: 'test-other', args: 2 },
        { procedure: 'test-note', args: 3 },
      ]);
      group.succeed();
      await answers;
    });

    it('starts a group at the end of the turn, not before', async () => {
      const answer = commits.write(note, 1);
      await Promise.resolve();
      expect(groups.sizes).toEqual([]);
      await settle();
      expect(groups.sizes).toEqual([1]);
      groups.answerAll();
      await answer;
    });

    it('makes the next group of what comes during a run, and never runs two', async () => {
      const first = writeAll([1, 2]);
      const running = await groups.nth(0);
      const second = writeAll([3]);
      await settle();
      const third = writeAll([4, 5]);
      await settle();
      expect(groups.sizes).toEqual([2]);
      running.succeed();
      await first;
      const next = await groups.nth(1);
      expect(next.args).toEqual([3, 4, 5]);
      next.succeed();
      expect(await Promise.all([second, third])).toEqual([[3], [4, 5]]);
    });

    it('answers nobody before the commit', async () => {
      let isAnswered = false;
      const answer = commits.write(note, 1).then(() => (isAnswered = true));
      const group = await groups.nth(0);
      await settle();
      expect(isAnswered).toBe(false);
      group.succeed();
      await answer;
      expect(isAnswered).toBe(true);
    });

    it('waits for no timer when the writes are in a hurry', async () => {
      const time = FakeTime.start();
      try {
        groups.answerAll();
        for (const arg of range(0, 5)) expect(await commits.write(note, arg)).toBe(arg);
        expect(groups.sizes).toEqual([1, 1, 1, 1, 1]);
        expect(time.timers()).toBe(0);
      } finally {
        time.stop();
      }
    });
  });

  describe('bounds', () => {
    it(`puts at most ${MAX_GROUP_ROWS} rows into a group`, async () => {
      groups.answerAll();
      await writeAll(range(0, 2 * MAX_GROUP_ROWS + 1));
      expect(groups.sizes).toEqual([MAX_GROUP_ROWS, MAX_GROUP_ROWS, 1]);
      expect(groups.started.items.flatMap(({ args }) => args)).toEqual(range(0, 2 * MAX_GROUP_ROWS + 1));
    });

    it('counts the rows that a call stands for', async () => {
      groups.answerAll();
      const half = { rows: MAX_GROUP_ROWS / 2, bytes: 0 };
      const more = { rows: MAX_GROUP_ROWS / 2 + 1, bytes: 0 };
      await Promise.all([half, half, half, more].map((weight, arg) => commits.write(note, arg, { weight })));
      expect(groups.started.items.map(({ args }) => args)).toEqual([[0, 1], [2], [3]]);
    });

    it('puts at most 4 MiB into a group', async () => {
      groups.answerAll();
      const half = { rows: 1, bytes: MAX_GROUP_BYTES / 2 };
      await Promise.all(range(0, 5).map((arg) => commits.write(note, arg, { weight: half })));
      expect(groups.sizes).toEqual([2, 2, 1]);
    });

    it('gives a call that is over a bound by itself a group of its own', async () => {
      groups.answerAll();
      const heavy = [
        { rows: 2_000, bytes: 0 },
        { rows: 1, bytes: 3 * MAX_GROUP_BYTES },
      ];
      await Promise.all([
        commits.write(note, 0),
        commits.write(note, 1, { weight: heavy[0]! }),
        commits.write(note, 2, { weight: heavy[1]! }),
        commits.write(note, 3),
      ]);
      expect(groups.started.items.map(({ args }) => args)).toEqual([[0], [1], [2], [3]]);
    });
  });

  describe('patience', () => {
    const PATIENT = { isPatient: true };
    let time: FakeTime;

    beforeEach(() => {
      time = FakeTime.start();
    });
    afterEach(() => time.stop());

    it('lets a group of patient writes wait for company, from the first of them on', async () => {
      const first = commits.write(note, 1, PATIENT);
      await time.advance(PATIENCE_MS - 1);
      const second = commits.write(note, 2, PATIENT);
      await settle();
      expect(groups.sizes).toEqual([]);
      await time.advance(1);
      const group = await groups.nth(0);
      expect(group.args).toEqual([1, 2]);
      group.succeed();
      expect(await Promise.all([first, second])).toEqual([1, 2]);
      expect(time.timers()).toBe(0);
    });

    it('ends with the first write that has none, which takes the others along', async () => {
      const answers = Promise.all([
        commits.write(note, 1, PATIENT),
        commits.write(note, 2),
        commits.write(note, 3, PATIENT),
      ]);
      const group = await groups.nth(0);
      expect(group.args).toEqual([1, 2, 3]);
      expect(time.timers()).toBe(0);
      group.succeed();
      expect(await answers).toEqual([1, 2, 3]);
    });

    it('ends with enough rows', async () => {
      groups.answerAll();
      const few = Promise.all(range(1, PATIENT_ROWS - 1).map((arg) => commits.write(note, arg, PATIENT)));
      await settle();
      expect(groups.sizes).toEqual([]);
      await Promise.all([few, commits.write(note, 0, PATIENT)]);
      expect(groups.sizes).toEqual([PATIENT_ROWS]);
    });

    it('begins anew for what comes during a run', async () => {
      const first = commits.write(note, 1);
      const running = await groups.nth(0);
      const second = commits.write(note, 2, PATIENT);
      running.succeed();
      await first;
      await settle();
      expect(groups.sizes).toEqual([1]);
      groups.answerAll();
      await time.advance(PATIENCE_MS);
      expect(await second).toBe(2);
    });

    it('is over when no patient write is left: the next hurried one waits for nothing', async () => {
      groups.answerAll();
      const patient = commits.write(note, 1, PATIENT);
      await time.advance(PATIENCE_MS);
      await patient;
      expect(await commits.write(note, 2)).toBe(2);
      const again = commits.write(note, 3, PATIENT);
      await settle();
      expect(groups.sizes).toEqual([1, 1]);
      await time.advance(PATIENCE_MS);
      expect(await again).toBe(3);
    });

    it('ends with closing', async () => {
      groups.answerAll();
      const answer = commits.write(note, 1, PATIENT);
      await commits.close();
      expect(await answer).toBe(1);
      expect(time.timers()).toBe(0);
    });
  });

  describe('answers', () => {
    it('go to their callers: done, refused and failed side by side', async () => {
      const answers = Promise.allSettled([1, 2, 3].map((arg) => commits.write(note, arg)));
      (await groups.nth(0)).answer([
        { ok: 'one' },
        { refused: { code: 'not_found', message: 'No two.', param: 'id', retryAfterMs: 5 } },
        { failed: 'UNIQUE constraint failed' },
      ]);
      const [done, refused, failed] = await answers;
      expect(done).toEqual({ status: 'fulfilled', value: 'one' });
      expect(refused).toMatchObject({
        reason: { name: 'MillraceError', code: 'not_found', message: 'No two.', param: 'id', retryAfterMs: 5 },
      });
      expect(failed).toMatchObject({ reason: { message: "write 'test-note' failed: UNIQUE constraint failed" } });
    });

    it('are an error for the whole group when its run breaks, and the next group runs', async () => {
      const first = Promise.allSettled([1, 2].map((arg) => commits.write(note, arg)));
      const broken = new Error('the writer ended');
      (await groups.nth(0)).fail(broken);
      expect(await first).toEqual([
        { status: 'rejected', reason: broken },
        { status: 'rejected', reason: broken },
      ]);
      const second = commits.write(note, 3);
      (await groups.nth(1)).succeed();
      expect(await second).toBe(3);
    });

    it('that are missing leave no caller waiting', async () => {
      const answers = Promise.allSettled([1, 2].map((arg) => commits.write(note, arg)));
      (await groups.nth(0)).answer([{ ok: 1 }]);
      const [first, second] = await answers;
      expect([first!.status, second!.status]).toEqual(['fulfilled', 'rejected']);
    });

    it('are told to the hook with the rows of the group', async () => {
      const told = new Inbox<number>();
      commits = new GroupCommit([groups.run], { onGroup: told.add });
      groups.answerAll();
      await Promise.all([commits.write(note, 1), commits.write(note, 2, { weight: { rows: 30, bytes: 0 } })]);
      await commits.write(note, 3);
      expect(await told.first(2)).toEqual([31, 1]);
    });
  });

  describe('back-pressure', () => {
    const HEAVY = { weight: { rows: MAX_GROUP_ROWS, bytes: 0 } };
    const FILLING = MAX_WAITING_ROWS / MAX_GROUP_ROWS;

    it('holds writers while enough rows wait, and resumes them in order; none is lost', async () => {
      const gate = new Gate();
      const ran: unknown[] = [];
      commits = new GroupCommit([
        async (calls) => {
          await gate.opened;
          ran.push(...calls.map(({ args }) => args));
          return calls.map(({ args }) => ({ ok: args }));
        },
      ]);
      const count = 3 * FILLING;
      const answers = Promise.all(range(0, count).map((arg) => commits.write(note, arg, HEAVY)));
      await settle();
      gate.open();
      expect(await answers).toEqual(range(0, count));
      expect(ran).toEqual(range(0, count));
    });

    it('takes in no more than the bound', async () => {
      const answers = Promise.allSettled(range(0, MAX_WAITING_ROWS + 700).map((arg) => commits.write(note, arg)));
      await settle();
      // Closing refuses the writers that are held and runs those that were taken in, which tells them apart.
      const closed = commits.close();
      groups.answerAll();
      await closed;
      const settled = await answers;
      const done = settled.filter(({ status }) => status === 'fulfilled');
      // One group was running when the bound was reached, and made room for as many more.
      expect(done).toHaveLength(MAX_WAITING_ROWS + MAX_GROUP_ROWS);
      expect(settled.slice(0, done.length).every(({ status }) => status === 'fulfilled')).toBe(true);
    });
  });

  describe('closing', () => {
    it('commits what waits, then resolves', async () => {
      const running = writeAll([1]);
      const first = await groups.nth(0);
      const waiting = writeAll(range(2, MAX_GROUP_ROWS + 10));
      let isClosed = false;
      const closed = commits.close().then(() => (isClosed = true));
      first.succeed();
      (await groups.nth(1)).succeed();
      const last = await groups.nth(2);
      await settle();
      expect(isClosed).toBe(false);
      last.succeed();
      await closed;
      expect(await running).toEqual([1]);
      expect(await waiting).toHaveLength(MAX_GROUP_ROWS + 10);
    });

    it('commits what was written in the same turn', async () => {
      groups.answerAll();
      const answer = commits.write(note, 1);
      await commits.close();
      expect(await answer).toBe(1);
    });

    it('refuses new writes from then on', async () => {
      groups.answerAll();
      const closed = commits.close();
      await expect(commits.write(note, 1)).rejects.toMatchObject({ code: 'shutting_down', status: 503 });
      await closed;
      await expect(commits.write(note, 2)).rejects.toMatchObject({ code: 'shutting_down' });
      expect(groups.sizes).toEqual([]);
    });

    it('may be asked for twice, and with nothing to do', async () => {
      await commits.close();
      await commits.close();
      expect(groups.sizes).toEqual([]);
    });

    it('resolves although the last group broke', async () => {
      const answer = commits.write(note, 1);
      const group = await groups.nth(0);
      const closed = commits.close();
      group.fail(new Error('the writer ended'));
      await expect(answer).rejects.toThrow('the writer ended');
      await closed;
    });
  });
});
