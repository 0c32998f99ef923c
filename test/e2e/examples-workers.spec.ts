/** The workers of examples/, in every language: they answer, they give back what goes wrong, and they end when asked. */
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { spawnSync } from 'node:child_process';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { MillraceClient } from '../../src/sdk/index.js';
import type { ChildProgram } from '../support/child-program.js';
import { ConsoleClient } from '../support/console.js';
import { runExample } from '../support/examples.js';
import { TestServer } from '../support/server.js';
import { makeTemporaryFolder, type TemporaryFolder } from '../support/temporary-folder.js';
import { until } from '../support/until.js';

/** Counts words like the other two, and refuses what is no task or has none. */
const COMMAND = `#!/usr/bin/env bash
[[ $(cat) =~ ^'{"task_id":"task_'.*'"text":"'([^'"']*) ]] || exit 7
set -- \${BASH_REMATCH[1]}
echo "{\\"words\\":$#}"
`;
const has = (command: string) => spawnSync(command, ['--version']).status === 0;

let server: TestServer;
let client: MillraceClient;
let folder: TemporaryFolder;
let worker: ChildProgram | null = null;

beforeAll(async () => {
  folder = await makeTemporaryFolder();
  await writeFile(join(folder.path, 'count-words'), COMMAND);
  await chmod(join(folder.path, 'count-words'), 0o755);
  server = await TestServer.start();
  await new ConsoleClient(server).post('queues', { name: 'gpu', consumers: ['pull'], retry_policy: { max_tries: 1 } });
  client = new MillraceClient({ url: server.url, key: server.adminKey });
});

afterEach(async () => {
  if (worker?.isRunning) worker.send('SIGKILL');
  await worker?.ended;
  worker = null;
});

afterAll(async () => {
  await server.close();
  await folder.remove();
});

const WORKERS = [
  { name: 'worker.mjs', runtime: 'node', args: ['gpu:0', 'gpu:1'], failure: /Cannot read properties of undefined/ },
  { name: 'worker.py', runtime: 'python3', args: ['gpu:0', 'gpu:1'], failure: /KeyError: 'text'/ },
  { name: 'worker.sh', runtime: 'curl', args: ['gpu:0'], failure: /the command ended with status 7/ },
];

describe.each(WORKERS)('$name', ({ name, runtime, args, failure }) => {
  const start = () => {
    worker = runExample(server, name, name.endsWith('.sh') ? [...args, join(folder.path, 'count-words')] : args);
    return worker;
  };
  const put = (data: object) => client.put({ queue: 'gpu', endpoint: '/v1/words', data });
  const ended = (id: string) =>
    until(
      () => client.get(id),
      (task) => task !== null && task.endedAt !== null,
    );

  it.skipIf(!has(runtime))('answers, whatever the data says', async () => {
    start();
    // The last has in its data what surrounds it in the answer of `take`.
    const texts = ['one', 'one two three', '"task_id":"x" "lease_token":"y"'];
    const ids = await Promise.all(texts.map((text) => put({ text, lease_token: 'z', task_id: 'w' })));
    const tasks = await Promise.all(ids.map(ended));
    expect(tasks.map((task) => task!.state)).toEqual(Array(3).fill('completed'));
    const words = tasks.map((task) => (task!.result!.body as { words: number }).words);
    expect(words.slice(0, 2)).toEqual([1, 3]);
  });

  it.skipIf(!has(runtime))('hands in what went wrong', async () => {
    start();
    const task = await ended(await put({ nothing: true }));
    expect(task!.state).toBe('failed');
    expect(task!.result!.error!.message).toMatch(failure);
  });

  it.skipIf(!has(runtime))('ends when it is asked to, and comes to nothing undone', async () => {
    const running = start();
    const [first, second] = [await put({ text: 'a b' }), await put({ text: 'a' })];
    await ended(first);
    running.send('SIGTERM');
    const { code } = await running.ended;
    expect(code).toBe(0);
    const state = (await client.get(second))!.state;
    expect(['completed', 'ready']).toContain(state);
    if (state === 'ready') await client.cancel(second);
  });
});
