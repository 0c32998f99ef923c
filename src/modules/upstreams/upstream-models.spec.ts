import { beforeEach, describe, expect, it } from 'vitest';
import { FakeClock } from '../../../test/support/fake-clock.js';
import { UpstreamModels } from './upstream-models.js';
import { UpstreamProber, type ProbeResult } from './upstream-prober.js';
import type { Upstream } from './upstream.js';

const UPSTREAM = { seq: 1, fingerprint: 'a', baseUrl: 'http://u/v1', key: null } as Upstream;
const CHANGED = { ...UPSTREAM, fingerprint: 'b' };

/** Answers when it is told to. */
class ScriptedProber extends UpstreamProber {
  readonly answers: ((models: string[] | null) => void)[] = [];

  override probe(): Promise<ProbeResult> {
    return new Promise((resolve) => {
      this.answers.push((models) =>
        resolve({ isOk: models !== null, status: 200, tookMs: 1, models, error: models ? null : 'no' }),
      );
    });
  }
}

describe('the models of an upstream', () => {
  let clock: FakeClock;
  let prober: ScriptedProber;
  let models: UpstreamModels;

  beforeEach(() => {
    clock = new FakeClock();
    prober = new ScriptedProber();
    models = new UpstreamModels(prober, clock);
  });

  async function learn(list: string[] | null, upstream = UPSTREAM): Promise<readonly string[]> {
    const asked = models.of(upstream);
    prober.answers.at(-1)!(list);
    return asked;
  }

  it('are asked for once, however many want to know', async () => {
    const asked = Promise.all([models.of(UPSTREAM), models.of(UPSTREAM)]);
    prober.answers[0]!(['m']);
    expect(await asked).toEqual([['m'], ['m']]);
    clock.advance(59_999);
    expect(await models.of(UPSTREAM)).toEqual(['m']);
    expect(prober.answers).toHaveLength(1);
  });

  it('are given as they were while they are read anew', async () => {
    await learn(['old']);
    clock.advance(60_000);
    expect(await models.of(UPSTREAM)).toEqual(['old']);
    expect(await learn(['new'])).toEqual(['old']);
    await expect.poll(() => models.of(UPSTREAM)).toEqual(['new']);
    expect(prober.answers).toHaveLength(2);
  });

  it('are none when it does not say, and asked for again soon', async () => {
    expect(await learn(null)).toEqual([]);
    clock.advance(9_999);
    expect(await models.of(UPSTREAM)).toEqual([]);
    expect(prober.answers).toHaveLength(1);
    clock.advance(1);
    await models.of(UPSTREAM);
    expect(prober.answers).toHaveLength(2);
  });

  it('are kept when it does not answer for once', async () => {
    await learn(['m']);
    clock.advance(60_000);
    await learn(null);
    expect(await models.of(UPSTREAM)).toEqual(['m']);
  });

  it('are those of what it is now, not of what it was', async () => {
    await learn(['old']);
    expect(await learn(['new'], CHANGED)).toEqual(['new']);
  });
});
