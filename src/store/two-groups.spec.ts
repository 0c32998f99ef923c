import { beforeEach, describe, expect, it } from 'vitest';
import { Groups } from '../../test/support/groups.js';
import { settle } from '../../test/support/inbox.js';
import { GroupCommit, MAX_GROUP_ROWS, MAX_WAITING_ROWS } from './group-commit.js';
import { procedureOfMany } from './procedure.js';

const note = procedureOfMany('test-note-of-two', async (_tx, items: readonly number[]) => [...items]);

function range(from: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => from + index);
}

describe('GroupCommit, where two groups may run at once', () => {
  let groups: Groups;
  let commits: GroupCommit;

  beforeEach(() => {
    groups = new Groups();
    commits = new GroupCommit([groups.run, groups.run]);
  });

  const writeAll = (args: number[]) => Promise.all(args.map((arg) => commits.write(note, arg)));

  it('starts the next one when the one before it holds its locks, not before', async () => {
    const first = writeAll([1]);
    const one = await groups.nth(0);
    const second = writeAll([2, 3]);
    await settle();
    expect(groups.sizes).toEqual([1]);
    one.hold();
    const two = await groups.nth(1);
    expect(two.args).toEqual([2, 3]);
    one.succeed();
    two.succeed();
    expect(await Promise.all([first, second])).toEqual([[1], [2, 3]]);
  });

  it('never runs three, and starts the third in the place of whichever ends', async () => {
    const answers = [writeAll([1])];
    const one = await groups.nth(0);
    one.hold();
    answers.push(writeAll([2]));
    const two = await groups.nth(1);
    two.hold();
    answers.push(writeAll([3]));
    await settle();
    answers.push(writeAll([4]));
    await settle();
    expect(groups.sizes).toEqual([1, 1]);
    two.succeed();
    expect((await groups.nth(2)).args).toEqual([3, 4]);
    groups.answerAll();
    expect(await Promise.all(answers)).toEqual([[1], [2], [3], [4]]);
  });

  it('starts the next one also when the one before it ends without locks, or breaks before it has them', async () => {
    const first = Promise.allSettled([commits.write(note, 1)]);
    const one = await groups.nth(0);
    const second = writeAll([2]);
    one.fail(new Error('the connection is gone'));
    expect(await first).toMatchObject([{ status: 'rejected' }]);
    const two = await groups.nth(1);
    const third = writeAll([3]);
    two.succeed();
    expect(await second).toEqual([2]);
    (await groups.nth(2)).succeed();
    expect(await third).toEqual([3]);
  });

  it('starts one only, however often a group tells that it holds its locks', async () => {
    const first = writeAll([1]);
    const one = await groups.nth(0);
    one.hold();
    const second = writeAll([2]);
    await groups.nth(1);
    one.hold(); // it had to begin again
    const third = writeAll([3]);
    await settle();
    expect(groups.sizes).toEqual([1, 1]);
    groups.answerAll();
    expect(await Promise.all([first, second, third])).toEqual([[1], [2], [3]]);
  });

  it('commits in closing what runs and what waits, and resolves after the last of them', async () => {
    const answers = [writeAll([1])];
    const one = await groups.nth(0);
    one.hold();
    answers.push(writeAll([2]));
    const two = await groups.nth(1);
    answers.push(writeAll([3]));
    let isClosed = false;
    const closed = commits.close().then(() => (isClosed = true));
    two.hold();
    two.succeed();
    const three = await groups.nth(2);
    three.succeed();
    await settle();
    expect(isClosed).toBe(false);
    one.succeed();
    await closed;
    expect(await Promise.all(answers)).toEqual([[1], [2], [3]]);
  });

  it('holds writers back as with one: what waits counts, not what runs', async () => {
    const answers = Promise.allSettled(range(0, MAX_WAITING_ROWS + 1_700).map((arg) => commits.write(note, arg)));
    (await groups.nth(0)).hold();
    (await groups.nth(1)).hold();
    await settle();
    const closed = commits.close();
    groups.answerAll();
    await closed;
    const done = (await answers).filter(({ status }) => status === 'fulfilled');
    expect(done).toHaveLength(MAX_WAITING_ROWS + 2 * MAX_GROUP_ROWS);
  });
});
