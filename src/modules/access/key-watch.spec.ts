import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeTime } from '../../../test/support/fake-time.js';
import { settle } from '../../../test/support/inbox.js';
import { KeyWatch, LOOK_MS } from './key-watch.js';

describe('KeyWatch', () => {
  let time: FakeTime;
  let dead: Set<string>;
  let isReachable: boolean;
  let ended: string[];
  let keys: KeyWatch;

  beforeEach(() => {
    time = FakeTime.start();
    [dead, isReachable, ended] = [new Set(), true, []];
    keys = new KeyWatch(async (id) => {
      if (!isReachable) throw new Error('no store');
      return !dead.has(id);
    });
  });
  afterEach(() => time.stop());

  function watch(name: string, id: string): () => void {
    const watched = keys.watch(id);
    watched.ended.catch(({ code }: { code: string }) => ended.push(`${name}: ${code}`));
    return watched.close;
  }

  it('ends all requests of a key that was changed, and no others', async () => {
    for (const [name, id] of ['one', 'one', 'two'].entries()) watch(String(name), id);
    dead = new Set(['one', 'two']);
    await keys.look('one');
    await settle();
    expect(ended).toEqual(['0: invalid_api_key', '1: invalid_api_key']);
  });

  it('ends none whose key works on, or that was closed', async () => {
    watch('works on', 'one');
    const close = watch('closed', 'two');
    close();
    close();
    dead.add('two');
    for (const id of ['one', 'two']) await keys.look(id);
    await time.advance(LOOK_MS);
    expect(ended).toEqual([]);
  });

  it('sees after a while what nobody tells of, also when the store was out of reach in between', async () => {
    watch('a', 'one');
    await time.advance(LOOK_MS);
    dead.add('one');
    isReachable = false;
    await time.advance(LOOK_MS);
    expect(ended).toEqual([]);
    isReachable = true;
    await time.advance(LOOK_MS);
    expect(ended).toEqual(['a: invalid_api_key']);
  });

  it('has one timer for all, and none when nothing is watched', async () => {
    const closes = ['one', 'one', 'two'].map((id) => watch('x', id));
    expect(time.timers()).toBe(1);
    await time.advance(LOOK_MS);
    expect(time.timers()).toBe(1);
    for (const close of closes) close();
    await time.advance(LOOK_MS);
    expect(time.timers()).toBe(0);
  });
});
