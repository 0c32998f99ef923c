import { describe, expect, it } from 'vitest';
import { ROOM_PER_TARGET, TargetPace } from './target-pace.js';

describe('the pace of an origin', () => {
  it('leaves what is not under way, and says nothing of those at rest', () => {
    const pace = new TargetPace();
    pace.begin('a');
    pace.begin('a');
    pace.begin('b');
    pace.end('b', true);
    expect(pace.rooms()).toEqual([{ target: 'a', room: ROOM_PER_TARGET - 2 }]);
    pace.end('a', true);
    pace.end('a', null);
    expect(pace.rooms()).toEqual([]);
  });

  it('has no room beyond its limit', () => {
    const pace = new TargetPace();
    for (let n = 0; n < ROOM_PER_TARGET + 1; n += 1) pace.begin('a');
    expect(pace.rooms()).toEqual([{ target: 'a', room: 0 }]);
  });

  it('is one at a time after a failure, until it answers', () => {
    const pace = new TargetPace();
    pace.begin('a');
    pace.end('a', false);
    expect(pace.rooms()).toEqual([{ target: 'a', room: 1 }]);
    pace.begin('a');
    expect(pace.rooms()).toEqual([{ target: 'a', room: 0 }]);
    pace.end('a', null);
    expect(pace.rooms()).toEqual([{ target: 'a', room: 1 }]);
    pace.begin('a');
    pace.end('a', true);
    expect(pace.rooms()).toEqual([]);
  });
});
