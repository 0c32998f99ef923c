/** What is told to browsers, to those who guess keys, and to nobody at all. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MAX_FAILURES } from '../../src/modules/access/failed-attempts.js';
import { line, run } from '../support/batches.js';
import { ConsoleClient } from '../support/console.js';
import { Answered } from '../support/refusals.js';
import { TestServer } from '../support/server.js';
import { startTestSim, type TestSim } from '../support/sim.js';

const ADMIN_KEY = 'canary-admin-7d1f0c2e9b';
const SEALING_SECRET = 'canary-sealing-4be80a6611';
const UPSTREAM_KEY = 'canary-upstream-99c3d27f50';

let sim: TestSim;
let server: TestServer;

beforeAll(async () => {
  sim = await startTestSim();
  server = await TestServer.start({
    MILLRACE_ADMIN_KEY: ADMIN_KEY,
    MILLRACE_SECRET: SEALING_SECRET,
    MILLRACE_UPSTREAM_URL: sim.url,
    MILLRACE_UPSTREAM_KEY: UPSTREAM_KEY,
    MILLRACE_LOG_LEVEL: 'trace',
  });
});

afterAll(async () => {
  await server.close();
  await sim.close();
});

describe('browsers', () => {
  const PATHS = ['/livez', '/v1/files', '/v1/nothing', '/metrics', '/v1/console/keys', '/docs', '/docs-json'];

  it.each(PATHS)('are told not to guess, frame or share what is at %s', async (path) => {
    const { headers } = await server.fetch(path);
    expect(Object.fromEntries(headers)).toMatchObject({
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'referrer-policy': 'no-referrer',
      'cross-origin-resource-policy': 'same-origin',
      'content-security-policy': expect.stringMatching(/^default-src 'none'; .*frame-ancestors 'none'$/),
    });
    expect(headers.get('x-powered-by')).toBeNull();
    expect(headers.get('server')).toBeNull();
  });

  it('run no script in the documentation but its own', async () => {
    const policy = (await server.fetch('/docs')).headers.get('content-security-policy');
    expect(policy).toContain("script-src 'self';");
    expect(policy).not.toMatch(/unsafe-eval|https?:|\*/);
    expect(await (await server.fetch('/docs')).text()).not.toMatch(/<script(?![^>]*\ssrc=)|\son\w+=/);
  });

  it('are let in from no other site', async () => {
    const origin = 'https://evil.example';
    const headers = { origin, authorization: `Bearer ${ADMIN_KEY}`, 'access-control-request-method': 'POST' };
    for (const method of ['GET', 'POST', 'OPTIONS']) {
      const answer = await server.fetch('/v1/batches', { method, headers });
      expect([...answer.headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([]);
    }
    expect((await server.fetch('/v1/batches', { method: 'OPTIONS', headers })).status).toBe(405);
  });
});

describe('secrets', () => {
  it('are in no answer, no log line and no file, whatever was done with them', async () => {
    const operator = new ConsoleClient(server);
    const made = await operator.post('keys', { name: 'k', tenant: 'acme', scopes: ['files', 'batches'] });
    const { token } = made as { token: string };
    const upstream = { name: 'sealed', base_url: sim.url, api_key: `${UPSTREAM_KEY}-2` };
    await operator.post('upstreams', upstream);
    await operator.post('upstreams/sealed/test');
    await operator.patch('upstreams/sealed', { api_key: `${UPSTREAM_KEY}-3` });
    await operator.ask('POST', 'upstreams', { ...upstream, base_url: `http://x:${UPSTREAM_KEY}@y/v1` });
    await operator.ask('POST', 'upstreams', { ...upstream, [UPSTREAM_KEY.repeat(9)]: 1 });
    await run(server.openaiAs(token), [line('a')]);
    for (const path of ['upstreams', 'queues', 'keys', 'tenants', 'audit', 'stats']) await operator.get(path);
    const metrics = await (await server.fetch('/metrics')).text();
    await server.fetch(`/v1/files?api_key=${UPSTREAM_KEY}`);
    await server.fetch('/v1/files', { headers: { authorization: `Bearer ${token}x`, cookie: `a=${UPSTREAM_KEY}` } });
    await server.stop();

    // The key of a caller is shown once, to whoever made it.
    const answers = operator.answers.filter((text) => !text.includes('"token"')).concat(metrics);
    // An unknown field is named, shortened, to whoever sent it.
    const told = answers.filter((text) => !text.includes('Unknown parameter')).join('\n');
    const kept = Buffer.concat(await server.place.contents());
    expect(kept.length).toBeGreaterThan(5_000);
    const log = JSON.stringify(server.logs);
    expect(log).toContain('"level":"debug"');
    for (const secret of [ADMIN_KEY, SEALING_SECRET, UPSTREAM_KEY, token]) {
      expect(told).not.toContain(secret);
      expect(log).not.toContain(secret);
      expect(kept.includes(secret)).toBe(false);
    }
    await server.restart();
  });
});

describe('whoever guesses keys', () => {
  it('has to wait after a thousand, without keeping out those who have one', async () => {
    const { token } = await new ConsoleClient(server).post('keys', { name: 'k', tenant: 'acme', scopes: ['files'] });
    const guess = (key: string) => server.fetch('/v1/files', { headers: { authorization: `Bearer ${key}` } });
    for (let count = 0; count < MAX_FAILURES; count += 1) {
      const { status } = await guess(`a-guess-${count}`);
      if (status !== 401) throw new Error(`guess ${count} was answered ${status}`);
    }
    const response = await guess('one-more');
    expect([response.status, Number(response.headers.get('retry-after'))]).toEqual([
      429,
      expect.toSatisfy(isAMinuteAtMost),
    ]);
    expect((await Answered.by('/v1/files', response)).refusal()).toMatchObject({ code: 'rate_limit_exceeded' });
    expect((await guess(token)).status).toBe(200);
    expect((await server.fetch('/livez')).status).toBe(200);
  });

  function isAMinuteAtMost(seconds: number): boolean {
    return seconds >= 1 && seconds <= 60;
  }
});
