/** The OpenAPI document: well-formed, with an example of everything, and about exactly the routes there are. */
import { createConfig, lintFromString } from '@redocly/openapi-core';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { RequestMethod } from '@nestjs/common';
import { METHOD_METADATA, PATH_METADATA } from '@nestjs/common/internal';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  exampleOf,
  pathParametersOf,
  readDocument,
  routesOf,
  type ApiDocument,
  type MediaType,
  type Route,
} from '../support/api-document.js';
import { TestServer } from '../support/server.js';

const CONTROLLERS = join(import.meta.dirname, '../../src/api');

let server: TestServer;
let document: ApiDocument;
let routes: Route[];

beforeAll(async () => {
  server = await TestServer.start();
  document = await readDocument(server);
  routes = routesOf(document);
});

afterAll(() => server.close());

it('passes the linter without a warning', async () => {
  const config = await createConfig({
    extends: ['recommended-strict'],
    rules: {
      'no-invalid-media-type-examples': 'error',
      'no-invalid-schema-examples': 'error',
      'operation-operationId-unique': 'error',
      'no-ambiguous-paths': 'error',
      'no-identical-paths': 'error',
      'tag-description': 'error',
      'operation-summary': 'error',
    },
  });
  const problems = await lintFromString({ source: JSON.stringify(document), config });
  const texts = problems.map(({ ruleId, message, location }) => `${ruleId} ${location[0]?.pointer}: ${message}`);
  // It is like others of the operators' paths, but the only one that is asked with POST; clients know it so.
  expect(texts.filter((text) => !text.includes('`/v1/console/{lane}/clear`'))).toEqual([]);
});

describe('every route', () => {
  it('has an example of its body, if it takes one', () => {
    const without = routes.flatMap(({ name, requestBody }) =>
      Object.values(requestBody?.content ?? {}).flatMap((media) => (hasExample(media) ? [] : [name])),
    );
    expect(without).toEqual([]);
  });

  it('has an example of what stands in its path, so that it can be tried as it is', () => {
    const without = routes.flatMap(({ name, parameters = [] }) =>
      parameters.flatMap((parameter) => (parameter.in === 'path' && !parameter.schema?.example ? [name] : [])),
    );
    expect(without).toEqual([]);
  });

  it('has an example of each of its answers, errors included', () => {
    const without = routes.flatMap(({ name, responses }) =>
      Object.entries(responses).flatMap(([status, { content, description }]) =>
        description.endsWith('The body is empty.')
          ? content === undefined
            ? []
            : [`${name} ${status}`]
          : Object.values(content ?? { none: {} }).flatMap((media) => (hasExample(media) ? [] : [`${name} ${status}`])),
      ),
    );
    expect(without).toEqual([]);
  });

  it('says of what kind each parameter of its query is, and has an example of what it cannot do without', () => {
    const without = routes.flatMap(({ name, parameters = [] }) =>
      parameters.flatMap(({ in: place, name: parameter, required, schema = {} }) => {
        const isPlain = schema.type !== undefined && (!required || schema.example !== undefined);
        return place === 'query' && !isPlain ? [`${name} ${parameter}`] : [];
      }),
    );
    expect(without).toEqual([]);
  });

  it('takes the example of its body as it is, on a fresh server, except for ids that are made up', async () => {
    const refused: unknown[] = [];
    for (const route of inOrder(routes)) {
      for (const body of bodyExamplesOf(route)) {
        const { status, text } = await send(route, body);
        const isMadeUp = route.path.includes('{') || /[0-9a-f]{32}/.test(JSON.stringify(body));
        if (status !== 200 && status !== 202 && !(isMadeUp && [404, 409].includes(status))) {
          refused.push([route.name, body, status, text]);
        }
      }
    }
    expect(refused).toEqual([]);
  });

  it('says what can go wrong: who is refused, what is not there, what is wrong with a body', () => {
    const missing = routes.flatMap((route) => {
      const wanted = [
        ...(route.scopes.length === 0 ? [] : ['401', '403', '429']),
        ...(pathParametersOf(route).length > 0 ? ['404'] : []),
        ...(route.requestBody === undefined ? [] : ['400']),
      ];
      return wanted.filter((status) => !(status in route.responses)).map((status) => `${route.name} ${status}`);
    });
    expect(missing).toEqual([]);
  });
});

/** What the others name comes first: an upstream, and a queue. */
function inOrder(all: readonly Route[]): Route[] {
  const first = ['POST /v1/console/upstreams', 'POST /v1/queue/register'];
  const rank = ({ name }: Route) => (first.includes(name) ? first.indexOf(name) : first.length);
  return all.toSorted((a, b) => rank(a) - rank(b));
}

function bodyExamplesOf({ requestBody }: Route): unknown[] {
  const media = requestBody?.content['application/json'];
  if (media === undefined) return [];
  if (media.examples !== undefined) return Object.values(media.examples).map(({ value }) => value);
  return [media.example ?? exampleOf(document, media.schema ?? {})];
}

/** With what stands in its path for an example. Nobody works here, so those who would wait for that do not. */
async function send(
  { method, path, parameters = [] }: Route,
  body: unknown,
): Promise<{ status: number; text: string }> {
  const filled = parameters.reduce(
    (text, { name, schema }) => text.replace(`{${name}}`, String(schema?.example)),
    path,
  );
  const patient = body as Record<string, unknown>;
  const hasty = { response_mode: 'callback', wait_seconds: 0 };
  const changed = Object.entries(hasty).filter(([name]) => name in patient);
  const response = await server.fetch(filled, {
    method,
    headers: { authorization: `Bearer ${server.adminKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ ...patient, ...Object.fromEntries(changed) }),
  });
  return { status: response.status, text: await response.text() };
}

/** A download or a form is bytes, of which no example can be shown. */
function hasExample(media: MediaType): boolean {
  const isBytes = media.schema?.format === 'binary';
  return isBytes || media.example !== undefined || !isEmpty(exampleOf(document, media.schema ?? {}));
}

/** No example at all, or one of nothing but missing ones. */
function isEmpty(example: unknown): boolean {
  if (example === undefined) return true;
  if (typeof example !== 'object' || example === null) return false;
  return Object.values(example).length > 0 && Object.values(example).every(isEmpty);
}

describe('the routes', () => {
  it('are those of the controllers, no more and no less', async () => {
    expect(routes.map(({ name }) => name).sort()).toEqual((await routesOfControllers()).sort());
  });

  it('are those that the server knows', async () => {
    for (const path of new Set(routes.map((route) => route.path))) {
      const response = await server.fetch(path.replaceAll(/\{\w+\}/g, 'x'), { method: 'OPTIONS' });
      expect([path, response.status]).toEqual([path, 405]);
      const documented = routes.filter((route) => route.path === path).map(({ method }) => method);
      const allowed = response.headers.get('allow')!.split(', ');
      for (const method of documented) expect([path, allowed]).toEqual([path, expect.arrayContaining([method])]);
    }
  });
});

/** Read from the classes themselves, as the framework does. */
async function routesOfControllers(): Promise<string[]> {
  const files = (await readdir(CONTROLLERS, { recursive: true })).filter((name) => name.endsWith('.controller.ts'));
  const modules = await Promise.all(files.map((file) => import(join(CONTROLLERS, file)) as Promise<object>));
  const classes = modules.flatMap((module) => Object.values(module) as unknown[]).filter(isController);
  expect(classes.length).toBeGreaterThanOrEqual(files.length);
  return classes.flatMap((controller) => {
    const prototype = controller.prototype as Record<string, object>;
    return Object.getOwnPropertyNames(prototype)
      .filter((name) => Reflect.hasMetadata(METHOD_METADATA, prototype[name]!))
      .map((name) => {
        const method = RequestMethod[Reflect.getMetadata(METHOD_METADATA, prototype[name]!) as RequestMethod];
        const parts = [controller, prototype[name]!].map((target) =>
          String(Reflect.getMetadata(PATH_METADATA, target) ?? ''),
        );
        const path = parts.flatMap((part) => part.split('/')).filter((part) => part !== '');
        return `${method} /${path.map((part) => part.replace(/^:(\w+)$/, '{$1}')).join('/')}`;
      });
  });
}

function isController(value: unknown): value is { prototype: object } {
  return typeof value === 'function' && Reflect.hasMetadata(PATH_METADATA, value);
}
