/**
 * A pull worker as a process of its own, for tests that kill and halt it: `node worker-process.js URL KEY LANE NAME`. It takes
 * and answers without end, now and then as no worker should: twice, late, or without its token. What it does it prints,
 * each as a line of JSON: before it is done, and what came of it. After a SIGUSR2 it halts itself (SIGSTOP) with the next
 * task in its hands.
 *
 *   {"at":"halting","id"}                it halts now, until somebody sends SIGCONT
 *    {"at":"took","id","token"}           a task is in its hands
 *   {"at":"answering","id","tag"}         an answer is about to go out; the tag is in its body
 *   {"at":"answered","id","tag","how","status"}
 */
import { setTimeout as delay } from 'node:timers/promises';

const [url, key, lane, name] = process.argv.slice(2);
const LEASE_SECONDS = 1;
let tags = 0;
let tasks = 0;
let haltsAtNext = false;
process.on('SIGUSR2', () => (haltsAtNext = true));

function note(entry) {
  process.stdout.write(`${JSON.stringify({ worker: name, ...entry })}\n`);
}

async function ask(path, body, token) {
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
  if (token !== undefined) headers['x-millrace-lease-token'] = token;
  const response = await fetch(`${url}/v1/queue/${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
  return { status: response.status, body: await response.json() };
}

async function complete(id, how, token, tag = `${name}-${(tags += 1)}`) {
  note({ at: 'answering', id, tag, how });
  const { status } = await ask(`${id}/complete`, { status_code: 200, body: { tag } }, token);
  note({ at: 'answered', id, tag, how, status });
  return tag;
}

/** What this worker does with a task, by turns. */
const WAYS = [
  ({ id, token }) => complete(id, 'plain', token),
  async ({ id, token }) => {
    const tag = await complete(id, 'plain', token);
    await complete(id, 'again', token, tag);
  },
  async ({ id, token }) => {
    await complete(id, 'plain', token);
    await complete(id, 'tokenless');
  },
  ({ id, token }) => {
    return Promise.all([complete(id, 'racing', token), complete(id, 'racing', token)]);
  },
  async ({ id, token }) => {
    const { status } = await ask(`${id}/fail`, {
      lease_token: token,
      retry_after: 0,
      error: { message: 'on purpose' },
    });
    note({ at: 'failed', id, status });
  },
  async ({ id, token }) => {
    const { status } = await ask(`${id}/release`, { lease_token: token });
    note({ at: 'released', id, status });
  },
  async ({ id, token }) => {
    await delay(2_200 * LEASE_SECONDS);
    await complete(id, 'late', token);
  },
];
/** Most tasks are simply done. */
const TURNS = [0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 0, 0, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0];

async function work({ task_id: id, lease_token: token }) {
  note({ at: 'took', id, token });
  if (haltsAtNext) {
    haltsAtNext = false;
    note({ at: 'halting', id });
    process.kill(process.pid, 'SIGSTOP');
  }
  await delay(5); // the work itself
  await WAYS[TURNS[(tasks += 1) % TURNS.length]]({ id, token });
}

for (;;) {
  const { body } = await ask('take', {
    queues: [lane],
    size: 4,
    wait_seconds: 5,
    process_timeout: LEASE_SECONDS,
    process_max_retries: -1,
    worker: { id: name, capacity: 4 },
  });
  await Promise.all(Object.values(body).flat().map(work));
}
