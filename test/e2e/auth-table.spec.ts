/**
 * Every route × every way of not being allowed to use it. The routes come from the live API document, so that a new one
 * cannot be forgotten: one with an id for which this spec cannot make an object of another tenant fails it.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  exampleBodyOf,
  fill,
  pathParametersOf,
  readDocument,
  routesOf,
  type ApiDocument,
  type Route,
} from '../support/api-document.js';
import { createBatch, line, upload } from '../support/batches.js';
import { ConsoleClient } from '../support/console.js';
import { PullWorker } from '../support/pull-worker.js';
import { Answered } from '../support/refusals.js';
import { TestServer } from '../support/server.js';
import { until } from '../support/until.js';

const SCOPES = ['files', 'batches', 'tasks', 'worker', 'queues', 'metrics', 'admin'];
const PUBLIC = ['GET /livez', 'GET /readyz'];
/** An id of the right form that nobody has. */
const UNKNOWN = '0198f3a2c4d57b1e8a3f5c6d7e8f9a0b';

/** Makes an object of the tenant whose server this is, and returns what routes call it by. */
type Maker = (owner: Owner) => Promise<string>;

const ofTask: Maker = ({ taskId }) => Promise.resolve(taskId);

/** For each path with an id: how another tenant comes by such an object, or why there is nothing to keep apart. */
const OBJECTS: Readonly<Record<string, Maker | 'seen by all operators' | 'shared on purpose'>> = {
  '/v1/files/{id}': ({ fileId }) => Promise.resolve(fileId),
  '/v1/files/{id}/content': ({ fileId }) => Promise.resolve(fileId),
  '/v1/batches/{id}': ({ batchId }) => Promise.resolve(batchId),
  '/v1/batches/{id}/cancel': ({ batchId }) => Promise.resolve(batchId),
  '/v1/console/{lane}/clear': ({ queue }) => Promise.resolve(`${queue}:0`),
  '/v1/console/queue/{queue}/stats': ({ queue }) => Promise.resolve(queue),
  '/v1/console/batches/{id}/stats': ({ batchId }) => Promise.resolve(batchId),
  '/v1/models/{id}': ({ model }) => Promise.resolve(model),
  '/v1/queue/{id}': ofTask,
  '/v1/queue/{id}/attempts': ofTask,
  '/v1/queue/{id}/callbacks': ofTask,
  '/v1/queue/{id}/callbacks/{callback_id}/replay': ofTask,
  '/v1/queue/{id}/cancel': ofTask,
  '/v1/queue/{id}/complete': ofTask,
  '/v1/queue/{id}/events': ofTask,
  '/v1/queue/{id}/fail': ofTask,
  '/v1/queue/{id}/heartbeat': ofTask,
  '/v1/queue/{id}/progress': ofTask,
  '/v1/queue/{id}/redrive': ofTask,
  '/v1/queue/{id}/release': ofTask,
  '/v1/queue/{lane}/stats': ({ queue }) => Promise.resolve(`${queue}:0`),
  '/v1/queue/{queue}/metadata': ({ queue }) => Promise.resolve(queue),
};
/** Their keys see all tenants: there is no other tenant to hide. */
const isForOperators = ({ path, scopes }: Route) => path.startsWith('/v1/console/') && scopes.join() === 'admin';
/** For each list that starts after an id: an id of the other tenant. */
const CURSORS: Readonly<Record<string, Maker>> = {
  'GET /v1/files': ({ fileId }) => Promise.resolve(fileId),
  'GET /v1/batches': ({ batchId }) => Promise.resolve(batchId),
  'GET /v1/queue/dead': ({ taskId }) => Promise.resolve(`${taskId}&queue=any`),
  'GET /v1/queue/{id}/events': ofTask,
  'GET /v1/queue/tasks': ofTask,
};

/** The other tenant, with one of everything. */
interface Owner {
  fileId: string;
  batchId: string;
  model: string;
  queue: string;
  taskId: string;
}

let server: TestServer;
let document: ApiDocument;
let routes: Route[];
let owner: Owner;
/** Of the tenant `rival`: a key with every scope but `admin`. */
let rivalKey: string;
/** By scopes: a key that has all others. */
const keysWithout = new Map<string, string>();
const badKeys: Record<string, string | null> = {
  'no key': null,
  'an empty one': 'Bearer ',
  'another scheme': 'Basic YWRtaW46YWRtaW4=',
  'a malformed one': 'Bearer mr_nonsense',
  'a foreign one': 'Bearer sk-0123456789abcdefghijklmnopqrstuvwxyz',
};

beforeAll(async () => {
  server = await TestServer.start();
  document = await readDocument(server);
  routes = routesOf(document);
  const operator = new ConsoleClient(server);
  const make = async (tenant: string, scopes: readonly string[], more: object = {}) =>
    (await operator.post('keys', { name: 'test', tenant, scopes, ...more })) as { id: string; token: string };

  const acme = server.openaiAs((await make('acme', ['files', 'batches'])).token);
  const model = 'model-of-acme';
  await operator.post('queues', { name: 'acme-only', tenant: 'acme', models: [model] });
  const fileId = await upload(acme, [line('a', { model })]);
  const queue = 'pulled-by-acme';
  await operator.post('queues', { name: queue, tenant: 'acme', consumers: ['pull'] });
  const submitter = new PullWorker(server, (await make('acme', ['tasks'])).token);
  owner = {
    fileId,
    batchId: (await createBatch(acme, fileId)).id,
    model,
    queue,
    taskId: await submitter.put(queue),
  };

  const tenantScopes = SCOPES.filter((scope) => scope !== 'admin');
  rivalKey = (await make('rival', tenantScopes)).token;
  for (const scopes of [...SCOPES.map((scope) => [scope]), ...routes.map((route) => route.scopes)]) {
    if (keysWithout.has(scopes.join())) continue;
    const others = SCOPES.filter((scope) => !scopes.includes(scope));
    keysWithout.set(scopes.join(), (await make('acme', others)).token);
  }
  const revoked = await make('acme', SCOPES);
  await operator.delete(`keys/${revoked.id}`);
  badKeys['a revoked one'] = `Bearer ${revoked.token}`;
  const rotated = await make('acme', SCOPES);
  await operator.post(`keys/${rotated.id}/rotate`, {});
  badKeys['a rotated one'] = `Bearer ${rotated.token}`;
  badKeys['one of which a character is wrong'] = `Bearer ${changed(rivalKey)}`;
  const soon = Math.floor(Date.now() / 1000) + 1;
  const expired = await make('acme', SCOPES, { expires_at: soon });
  // Keys with a past end are refused, so this one has to come to its end; its own answer says when it has.
  const asExpired = { headers: { authorization: `Bearer ${expired.token}` } };
  await until(
    async () => (await server.fetch('/v1/files', asExpired)).status,
    (status) => status === 401,
  );
  badKeys['an expired one'] = `Bearer ${expired.token}`;
});

afterAll(() => server.close());

function changed(token: string): string {
  return token.slice(0, -1) + (token.endsWith('0') ? '1' : '0');
}

/** Asks a route, with a body that would be right. */
async function ask(route: Route, path: string, authorization: string | null): Promise<Answered> {
  const body = exampleBodyOf(document, route);
  const headers: Record<string, string> = {
    ...(authorization === null ? {} : { authorization }),
    ...(body === undefined ? {} : { 'content-type': 'application/json' }),
  };
  const init = { method: route.method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) };
  return Answered.by(path, await server.fetch(path, init));
}

/** An id, or a name, of the same form that nobody has. */
function unknownLike(id: string): string {
  if (id === owner.model) return 'model-of-nobody';
  if (id.startsWith(owner.queue)) return id.replace(owner.queue, 'pulled-by-nobody');
  return (/^[a-z]+[-_]/.exec(id)?.[0] ?? '') + UNKNOWN;
}

/** What an answer says, but for what and when it was asked. */
function sayingOf({ text }: Answered, id: string): string {
  return text.replaceAll(id.replace(/:\d$/, ''), 'ID').replace(/"timestamp":\d+/, '"timestamp":0');
}

describe('every route', () => {
  it('is public on purpose, or names the scope it needs', () => {
    expect(routes.length).toBeGreaterThanOrEqual(30);
    const open = routes.filter(({ scopes }) => scopes.length === 0).map(({ name }) => name);
    expect(open.sort()).toEqual(PUBLIC);
    for (const { name, scopes } of routes) expect(SCOPES, name).toEqual(expect.arrayContaining(scopes));
  });

  it('answers 401 without a key that counts', async () => {
    for (const route of routes.filter(({ scopes }) => scopes.length > 0)) {
      for (const [kind, authorization] of Object.entries(badKeys)) {
        const answer = await ask(route, fill(route, UNKNOWN), authorization);
        expect([route.name, kind, answer.status]).toEqual([route.name, kind, 401]);
        answer.refusal(`${route.name} with ${kind}`);
      }
    }
  });

  it('answers 403 to a key with all scopes but its own, and says which is missing', async () => {
    for (const route of routes.filter(({ scopes }) => scopes.length > 0)) {
      const answer = await ask(route, fill(route, UNKNOWN), `Bearer ${keysWithout.get(route.scopes.join())!}`);
      expect([route.name, answer.status]).toEqual([route.name, 403]);
      for (const scope of route.scopes) expect(answer.refusal(route.name)!.message).toContain(scope);
    }
  });

  it('with an id answers for an object of another tenant just as for one that is not there', async () => {
    let cells = 0;
    for (const route of routes.filter((one) => pathParametersOf(one).length > 0 && !isForOperators(one))) {
      const make = OBJECTS[route.path];
      if (make === undefined) {
        throw new Error(
          `${route.name} has an id, and this spec does not know how to make such an object: add it to OBJECTS.`,
        );
      }
      if (typeof make !== 'function') continue;
      const id = await make(owner);
      const unknown = unknownLike(id);
      const foreign = await ask(route, fill(route, id), `Bearer ${rivalKey}`);
      const nothing = await ask(route, fill(route, unknown), `Bearer ${rivalKey}`);
      expect([route.name, foreign.status]).toEqual([route.name, 404]);
      foreign.refusal(route.name);
      expect(sayingOf(foreign, id)).toBe(sayingOf(nothing, unknown));
      cells += 1;
    }
    expect(cells).toBeGreaterThanOrEqual(6);
    // All that was tried has changed nothing.
    expect((await server.fetch('/v1/console/queues')).status).toBe(200);
    const acme = { headers: { authorization: `Bearer ${keysWithout.get('admin')!}` } };
    expect((await server.fetch(`/v1/files/${owner.fileId}`, acme)).status).toBe(200);
    expect(await (await server.fetch(`/v1/batches/${owner.batchId}`, acme)).json()).toMatchObject({
      cancelling_at: null,
    });
    const task = await server.fetch(`/v1/queue/${owner.taskId}`, acme);
    expect(await task.json()).toMatchObject({ state: 'ready', tries: 0 });
  });

  it('that lists from an id on does not take one of another tenant, and shows nothing of it', async () => {
    const lists = routes.filter(
      (route) => route.parameters?.some(({ name }) => name === 'after') && !isForOperators(route),
    );
    for (const route of lists) {
      const make = CURSORS[route.name];
      if (make === undefined) throw new Error(`${route.name} has a cursor: add an id of another tenant to CURSORS.`);
      const path = `${fill(route, UNKNOWN)}?after=${await make(owner)}`;
      expect([route.name, (await ask(route, path, `Bearer ${rivalKey}`)).status]).toEqual([route.name, 404]);
    }
    for (const route of routes.filter(({ method, path }) => method === 'GET' && !path.includes('{'))) {
      const { text } = await ask(route, route.path, `Bearer ${rivalKey}`);
      for (const secret of Object.values(owner)) expect(text, route.name).not.toContain(secret);
    }
  });

  it('that takes an id in its body does not take one of another tenant', async () => {
    const body = { input_file_id: owner.fileId, endpoint: '/v1/chat/completions', completion_window: '24h' };
    const headers = { authorization: `Bearer ${rivalKey}`, 'content-type': 'application/json' };
    const response = await server.fetch('/v1/batches', { method: 'POST', headers, body: JSON.stringify(body) });
    expect(response.status).toBe(404);
    expect((await Answered.by('/v1/batches', response)).refusal()).toMatchObject({ param: 'input_file_id' });
  });

  it('left no error in the log', () => {
    expect(server.logs.filter(({ level }) => level === 'error' || level === 'fatal')).toEqual([]);
  });
});
