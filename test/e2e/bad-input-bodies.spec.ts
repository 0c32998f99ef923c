/**
 * Settings and ids that make no sense, for every route of the live API document: each field of each body is given each of
 * many odd values, and each path each of many odd ids. The answer is a refusal that names the place, or the value was
 * fine; it is never an error of the server's own.
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
import { Answered } from '../support/refusals.js';
import { CAN_WATCH, expectUnstrained, ServerWatch } from '../support/server-watch.js';
import { TestServer } from '../support/server.js';

const ODD_VALUES = (
  [
    [
      null,
      true,
      0,
      -1,
      0.5,
      1e300,
      2 ** 53,
      '',
      ' ',
      'x'.repeat(100_000),
      '\0',
      '\ud800',
      '__proto__',
      '../x',
      "' OR 1=1",
    ],
    [[], [null], ['x', 'x'], [[]], Array(10_000).fill('x'), {}, { a: 1 }, { constructor: 'x' }, { ['\ud800']: 'x' }],
    [
      'http://user:pass@127.0.0.1/v1',
      'file:///etc/passwd',
      'javascript:alert(1)',
      'http://[::1',
      '日本',
      '-',
      '9'.repeat(400),
    ],
  ] as unknown[][]
).flat();
const ODD_IDS = [
  [
    'x',
    '0',
    '-1',
    '%',
    '__proto__',
    'constructor',
    'null',
    "' OR 1=1 --",
    '\0',
    '日本',
    '😀',
    '../x',
    '..',
    '*',
    '$',
    '{}',
  ],
  [
    'file-',
    'batch_',
    'file-0198f3a2c4d57b1e8a3f5c6d7e8f9a0b',
    'batch_0198f3a2c4d57b1e8a3f5c6d7e8f9a0b',
    'x'.repeat(500),
  ],
].flat();

/** Connections, caches and the heap have the size then that they have in use. */
const WARM_UP_ROUNDS = 5;
const LARGE_BYTES = 15 * 1024 * 1024;

let server: TestServer;
let document: ApiDocument;
let routes: Route[];
let watch: ServerWatch | null = null;

beforeAll(async () => {
  server = await TestServer.start();
  document = await readDocument(server);
  routes = routesOf(document);
  if (CAN_WATCH) watch = await ServerWatch.start(server);
  for (let round = 0; round < WARM_UP_ROUNDS; round += 1) {
    for (const route of routes) await send(route, 'x', JSON.stringify(exampleBodyOf(document, route)));
  }
  // What good requests take, as large as they may be and one after the other, is no growth by bad ones.
  const large = JSON.stringify({ unknown: 'x'.repeat(LARGE_BYTES) });
  for (const route of withBody()) await send(route, 'x', large);
  watch?.begin();
});

afterAll(async () => {
  await watch?.stop();
  await server.close();
});

async function send(route: Route, id: string, body: string | Buffer | undefined): Promise<Answered> {
  const headers = { authorization: `Bearer ${server.adminKey}`, 'content-type': 'application/json' };
  const path = fill(route, id);
  const init = { method: route.method, headers, ...(body === undefined ? {} : { body }) };
  // As it arrives: on its way the client takes `..` out of it.
  return Answered.by(new URL(path, server.url).pathname, await server.fetch(path, init));
}

/** Routes that take settings as JSON. */
function withBody(): Route[] {
  return routes.filter((route) => exampleBodyOf(document, route) !== undefined);
}

/** The example of a route, but for what would make each answer wait. */
function impatientBodyOf(route: Route): Record<string, unknown> {
  const { wait_seconds: _, ...body } = exampleBodyOf(document, route)!;
  return body;
}

/** The Task API passes on what is somebody's own JSON, as it was written, and ignores fields that it does not know. */
const PASSES_ON = /^\w+ \/v1\/queue\//;

/** Bodies as the document gives them, each with one field changed, at any depth. */
function* changed(body: Record<string, unknown>, place = ''): Generator<[place: string, body: object]> {
  for (const [name, value] of Object.entries(body)) {
    for (const odd of ODD_VALUES) yield [place + name, { ...body, [name]: odd }];
    if (typeof value !== 'object' || value === null || Array.isArray(value)) continue;
    for (const [at, inner] of changed(value as Record<string, unknown>, `${place}${name}.`))
      yield [at, { ...body, [name]: inner }];
  }
}

// First, because among the settings that follow are odd names that are right.
describe('ids', () => {
  it('that nobody has are not found, whatever they look like', async () => {
    for (const route of routes.filter((one) => pathParametersOf(one).length > 0)) {
      for (const id of ODD_IDS) {
        // On its way the client takes `..` out of a path, which may make it that of another route.
        if (routes.some(({ path }) => path === new URL(fill(route, id), server.url).pathname)) continue;
        const answer = await send(route, id, JSON.stringify(exampleBodyOf(document, route)));
        const what = `${route.name} ${JSON.stringify(id.slice(0, 60))}`;
        expect([what, [400, 404]]).toEqual([what, expect.arrayContaining([answer.status])]);
        answer.refusal(what);
      }
    }
  });
});

describe('bodies', () => {
  it('with an odd value in any field are refused, or it was fine', async () => {
    let refused = 0;
    for (const route of withBody()) {
      for (const [place, body] of changed(impatientBodyOf(route))) {
        const answer = await send(route, 'x', JSON.stringify(body));
        if (answer.status === 200) continue;
        answer.refusal(`${route.name} ${place} ${JSON.stringify(body).slice(0, 200)}`);
        refused += 1;
      }
    }
    expect(refused).toBeGreaterThan(500);
  });

  const DEEP = 100_000;
  const refusedEverywhere: readonly [what: string, body: string | Buffer, status: number][] = [
    ['no JSON', '{"a', 400],
    ['two values', '{}{}', 400],
    ['an array', '[]', 400],
    ['a text', '"x"', 400],
    ['null', 'null', 400],
    ['a NUL', '\0', 400],
    ['no UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), 400],
    ['UTF-16', Buffer.from('{}', 'utf16le'), 400],
    ['a prototype', '{"__proto__":{"isAdmin":true}}', 400],
    ['a prototype further in', '{"metadata":{"__proto__":{"a":"b"}}}', 400],
    ['levels that are never closed', '['.repeat(200_000), 400],
    ['twenty megabytes of empty objects', `[${'{},'.repeat(7_000_000)}{}]`, 413],
  ];

  const refusedAsSettings: readonly [what: string, body: string, status: number][] = [
    ['a hundred thousand levels', `{"metadata":${'['.repeat(DEEP)}${']'.repeat(DEEP)}}`, 400],
    ['a number without end', `{"metadata":${'9'.repeat(200_000)}}`, 400],
    ['more than settings can be', JSON.stringify({ metadata: 'x'.repeat(300_000) }), 413],
  ];

  async function expectRefusal(route: Route, body: string | Buffer, status: number): Promise<void> {
    const answer = await send(route, 'x', body);
    expect([route.name, answer.status]).toEqual([route.name, status]);
    answer.refusal(route.name);
  }

  it.each(refusedEverywhere)('of %s are refused', async (_what, body, status) => {
    for (const route of withBody()) await expectRefusal(route, body, status);
  });

  it.each(refusedAsSettings)(
    'of %s are refused where they are settings, and else do no harm',
    async (_, body, status) => {
      for (const route of withBody()) {
        if (!PASSES_ON.test(route.name)) {
          await expectRefusal(route, body, status);
          continue;
        }
        const answer = await send(route, 'x', body);
        if (answer.status !== 200) answer.refusal(route.name);
      }
    },
  );
});

describe('after all of it', () => {
  it('the server has written no error into its log', () => {
    expect(server.logs.filter(({ level }) => level === 'error' || level === 'fatal')).toEqual([]);
  });

  it.runIf(CAN_WATCH)('the server has answered all the time, and has hardly grown', async () => {
    expectUnstrained('bad bodies and ids', await watch!.report());
  });
});
