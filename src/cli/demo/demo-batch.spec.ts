import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { CliError } from '../cli-error.js';
import type { LineCounts } from '../progress.js';
import { fetchResults, followBatch, withClient } from './demo-batch.js';

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

describe('the client of the demo', () => {
  const never = new AbortController().signal;
  let server: Server | null = null;

  afterEach(() => {
    server?.close();
    server?.closeAllConnections();
    server = null;
  });

  async function serve(answer: Answer): Promise<string> {
    const started = createServer(answer);
    server = started;
    await new Promise<void>((resolve) => started.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(started.address() as AddressInfo).port}/v1`;
  }

  /** A server that shows one batch, in the next state each time it is asked; the last one stays. */
  function showing(states: object[]): Promise<string> {
    let asked = 0;
    return serve((_, response) => {
      const state = states[Math.min(asked, states.length - 1)];
      asked += 1;
      response.setHeader('content-type', 'application/json').end(JSON.stringify({ id: 'batch_1', ...state }));
    });
  }

  function follow(url: string, onCounts: (counts: LineCounts) => void = () => {}, signal = never) {
    return withClient('sk-x', url, async (client) =>
      followBatch(client, await client.batches.retrieve('batch_1'), onCounts, signal),
    );
  }

  it('follows a batch to its end and tells the counts on the way', async () => {
    const url = await showing([
      { status: 'validating' },
      { status: 'in_progress', request_counts: { total: 3, completed: 1, failed: 0 } },
      { status: 'finalizing', request_counts: { total: 3, completed: 2, failed: 1 } },
      { status: 'completed', request_counts: { total: 3, completed: 2, failed: 1 }, output_file_id: 'file-o' },
    ]);
    const counts: LineCounts[] = [];
    const batch = await follow(url, (now) => counts.push(now));
    expect(batch.output_file_id).toBe('file-o');
    expect(counts.map(({ completed, failed }) => [completed, failed])).toEqual([
      [0, 0],
      [1, 0],
      [2, 1],
      [2, 1],
    ]);
  });

  it('says why a batch did not complete', async () => {
    const errors = { data: [{ code: 'invalid_json_line', message: 'This line is not JSON.', line: 7 }] };
    const url = await showing([{ status: 'failed', errors }]);
    await expect(follow(url)).rejects.toEqual(
      new CliError('The batch ended as failed.\n  line 7: This line is not JSON.'),
    );
  });

  it('ends as soon as it is told to', async () => {
    const url = await showing([{ status: 'in_progress' }]);
    const ending = new AbortController();
    const following = follow(url, () => ending.abort(), ending.signal);
    await expect(following).rejects.toMatchObject({ name: 'AbortError' });
  });

  it('makes a sentence of what the server refuses', async () => {
    const url = await serve((_, response) => {
      response.writeHead(401, { 'content-type': 'application/json' });
      response.end(
        JSON.stringify({ error: { message: 'No such key.', type: 'x', param: null, code: 'invalid_api_key' } }),
      );
    });
    await expect(follow(url)).rejects.toEqual(new CliError('The client says: 401 No such key.'));
  });

  it('fetches both files, or nothing where a file was not written', async () => {
    const url = await serve((request, response) => response.end(`content of ${request.url}`));
    const files = await withClient('sk-x', url, async (client) => {
      const batch = { output_file_id: 'file-o', error_file_id: null } as unknown as Parameters<typeof fetchResults>[1];
      return fetchResults(client, batch, never);
    });
    expect(files).toEqual({ output: 'content of /v1/files/file-o/content', errors: '' });
  });
});
