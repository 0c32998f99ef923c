import { afterEach, describe, expect, it } from 'vitest';
import { ScriptedUpstream, type Script } from '../../../test/support/scripted-upstream.js';
import { UpstreamProber, type ProbeResult } from './upstream-prober.js';

describe('a test call', () => {
  const prober = new UpstreamProber();
  let upstream: ScriptedUpstream;

  afterEach(() => upstream.close());

  async function probe(script: Script, timeoutMs?: number): Promise<ProbeResult> {
    upstream = await ScriptedUpstream.start(script);
    return prober.probe({ baseUrl: upstream.url, key: null }, timeoutMs);
  }

  it('gives up a server that does not answer', async () => {
    const result = await probe(() => new Promise(() => {}), 50);
    const error = 'The upstream did not answer within 0.05 seconds.';
    expect(result).toEqual({ isOk: false, status: null, tookMs: expect.any(Number), models: null, error });
    expect((await upstream.abandoned.first(1))[0]).toMatchObject({ path: '/v1/models' });
  });

  it('gives up a server that does not come to an end', async () => {
    const result = await probe(() => ({ headers: { 'content-length': '100' }, body: '{"data"' }), 200);
    expect(result).toMatchObject({ isOk: false, status: null, models: null });
  });

  it('reads no more than a list of models can be', async () => {
    const chunk = Buffer.alloc(1024 * 1024, '[');
    const result = await probe(() => ({ body: [chunk, chunk, chunk, chunk, chunk] }));
    expect(result).toMatchObject({ isOk: false, status: 200, error: expect.stringContaining('no list of models') });
  });

  it('shows ids of models as far as they can be read', async () => {
    const data = [{ id: 'm'.repeat(999) }, { id: 7 }, null, 'x', ...Array.from({ length: 2_000 }, () => ({ id: 'n' }))];
    const { models } = await probe(() => ({ body: JSON.stringify({ data }) }));
    expect(models!.slice(0, 2)).toEqual(['m'.repeat(200), 'n']);
    expect(models).toHaveLength(1_000);
  });

  it('sends no key where there is none', async () => {
    await probe(() => ({ body: '{"data":[]}' }));
    expect(upstream.requests.items[0]!.headers).not.toHaveProperty('authorization');
  });
});
