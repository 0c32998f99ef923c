import { describe, expect, it } from 'vitest';
import { RouteTable } from './route-table.js';

describe('the route table', () => {
  const routes = new RouteTable();
  routes.add('GET', '/v1/files');
  routes.add(['POST', 'HEAD'], '/v1/files');
  routes.add('GET', '/v1/files/:id');
  routes.add('DELETE', '/v1/files/:id');
  routes.add('GET', '/v1/files/:id/content');
  routes.add('GET', '/docs/*');
  routes.add('GET', '/a.b');

  it.each([
    ['/v1/files', ['GET', 'HEAD', 'POST']],
    ['/v1/files/file-1', ['DELETE', 'GET']],
    ['/v1/files/file-1/content', ['GET']],
    ['/docs/a/b.css', ['GET']],
    ['/v1/files/', []],
    ['/v1/file', []],
    ['/v1/files/file-1/other', []],
    ['/aXb', []],
  ])('knows how %s may be asked', (path, methods) => {
    expect(routes.methodsOf(path)).toEqual(methods);
  });
});
