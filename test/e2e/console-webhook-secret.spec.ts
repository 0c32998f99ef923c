/** The secret that signs a tenant's callbacks, as operators see it: once whole, then never again. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConsoleClient } from '../support/console.js';
import { TestServer } from '../support/server.js';

let server: TestServer;
let admin: ConsoleClient;

beforeAll(async () => {
  server = await TestServer.start();
  admin = new ConsoleClient(server);
  await admin.post('keys', { name: 'first', tenant: 'acme', scopes: ['tasks'] });
});

afterAll(() => server.close());

const PATH = 'tenants/acme/webhook-secret';

describe('a webhook secret', () => {
  it('is not there before somebody asks for it', async () => {
    const message = "The tenant 'acme' has no webhook secret yet.";
    expect(await admin.refused('GET', PATH)).toEqual([404, null, null, message]);
  });

  it('is shown once, kept sealed, and rotated with an overlap', async () => {
    const { secret, ...first } = await admin.post(PATH, {});
    expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    const described = {
      object: 'webhook_secret',
      tenant: 'acme',
      last4: secret.slice(-4),
      rotated_at: expect.any(Number),
      previous_until: null,
    };
    expect(first).toEqual(described);
    expect(await admin.get(PATH)).toEqual(described);
    const { secret: other, ...second } = await admin.post(PATH, {});
    expect(other).not.toBe(secret);
    expect(second.previous_until - second.rotated_at).toBe(86_400);
    const third = await admin.post(PATH, { overlap_seconds: 0 });
    expect(third.previous_until).toBeNull();
    const answers = admin.answers.join('\n');
    expect(answers.split(secret)).toHaveLength(2);
    const kept = Buffer.concat(await server.place.contents()).toString('latin1');
    expect([secret, other, third.secret].filter((text) => kept.includes(text.slice('whsec_'.length)))).toEqual([]);
    expect(server.logs.filter((line) => JSON.stringify(line).includes(secret))).toEqual([]);
  });

  it('leaves its making in the audit log', async () => {
    const { data } = await admin.get('audit?limit=3');
    expect(data.map(({ action }: { action: string }) => action)).toEqual([
      'webhook_secret.rotate',
      'webhook_secret.rotate',
      'webhook_secret.create',
    ]);
    expect(data[1].detail).toMatchObject({ overlap_seconds: 86_400 });
  });

  it('is refused for a tenant that does not exist, for too long an overlap, and without the right', async () => {
    expect((await admin.refused('POST', 'tenants/nobody/webhook-secret', {}))[0]).toBe(404);
    const wrong = await admin.refused('POST', PATH, { overlap_seconds: 700_000 });
    expect(wrong.slice(0, 3)).toEqual([400, 'integer_above_max_value', 'overlap_seconds']);
    const { token } = await admin.post('keys', { name: 'other', tenant: 'acme', scopes: ['tasks'] });
    const stranger = new ConsoleClient(server, token);
    for (const method of ['GET', 'POST']) expect((await stranger.ask(method, PATH)).status).toBe(403);
  });
});
