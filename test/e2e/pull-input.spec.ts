/** What a worker may send wrong: each field of each route, refused with a 4xx that names the place. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PullWorker } from '../support/pull-worker.js';
import { TestServer } from '../support/server.js';

let server: TestServer;
let worker: PullWorker;
const DEEP = `${'['.repeat(201)}${']'.repeat(201)}`;

beforeAll(async () => {
  server = await TestServer.start();
  worker = new PullWorker(server);
  await worker.makeQueue('q');
  await worker.makeQueue('upstream-only', { consumers: [] });
});
afterAll(() => server.close());

const refused = async (path: string, body: unknown, headers: Record<string, string> = {}) => {
  const [status, message] = await worker.refused('POST', path, body, headers);
  return `${status} ${message}`;
};

describe('a take', () => {
  it.each([
    [{}, "400 Missing required parameter: 'queues'."],
    [{ queues: null }, "400 Invalid type for 'queues': expected an array, but got null instead."],
    [{ queues: 'q:0' }, "400 Invalid type for 'queues': expected an array, but got a string instead."],
    [{ queues: [] }, '400 queues cannot be empty'],
    [{ queues: [7] }, "400 Invalid type for 'queues.0': expected a string, but got an integer instead."],
    [{ queues: ['q'] }, "400 Invalid 'queues.0': expected the name of a queue and a level"],
    [{ queues: ['q:0', 'q:x'] }, "400 Invalid 'queues.1': expected the name of a queue and a level"],
    [{ queues: ['q:0:0'] }, "400 Invalid 'queues.0': expected the name of a queue and a level"],
    [{ queues: ['q:10'] }, "400 Invalid 'queues.0': expected the name of a queue and a level"],
    [{ queues: ['q:-1'] }, "400 Invalid 'queues.0': expected the name of a queue and a level"],
    [{ queues: ['nobody:0'] }, "400 You have no queue named 'nobody'."],
    [{ queues: ['q:0', 'q:0'] }, "400 Invalid 'queues.1': 'q:0' is in the list twice."],
    [{ queues: ['upstream-only:0'] }, "400 The queue 'upstream-only' gives its tasks to no workers"],
    [{ queues: Array.from({ length: 101 }, (_, n) => `q${n}:0`) }, "400 Invalid 'queues': at most 100 items."],
    ['[]', "400 Invalid type for 'body': expected an object, but got an array instead."],
    ['"q:0"', "400 Invalid type for 'body': expected an object, but got a string instead."],
    ['{"queues":', '400 We could not parse the JSON body of your request'],
  ])('of %j is refused', async (body, expected) => {
    expect(await refused('take', body)).toContain(expected);
  });

  it.each([
    ['size', 0, 'integer below minimum value'],
    ['size', -1, 'integer below minimum value'],
    ['size', 1.5, 'expected an integer'],
    ['size', '1', 'expected an integer'],
    ['size', 1e9, 'integer above maximum value'],
    ['fifo_max', 0, 'integer below minimum value'],
    ['fifo_max', 501, 'integer above maximum value'],
    ['strategy', 'lifo', "Supported values are: 'fifo', 'round_robin', 'active_passive' and 'sequential'."],
    ['strategy', 1, "expected one of 'fifo'"],
    ['process_timeout', -1, 'integer below minimum value'],
    ['process_timeout', '30', 'expected an integer'],
    ['process_timeout', 1e8, 'integer above maximum value'],
    ['process_max_retries', -2, 'integer below minimum value'],
    ['process_max_retries', {}, 'expected an integer'],
    ['lease_end', 'explode', "Supported values are: 'complete', 'retry', 'fail' and 'expire'."],
    ['min_age_seconds', -1, 'integer below minimum value'],
    ['min_age_seconds', true, 'expected an integer'],
    ['wait_seconds', -1, 'integer below minimum value'],
    ['wait_seconds', 61, 'integer above maximum value'],
    ['wait_seconds', '5', 'expected an integer'],
    ['worker', 'me', 'expected an object'],
    ['worker.id', 5, 'expected a string'],
    ['worker.id', '', 'expected a string of at least 1 character'],
    ['worker.id', 'x'.repeat(101), 'expected a string of at most 100 characters'],
    ['worker.id', 'a\0b', 'it holds a NUL character'],
    ['worker.capacity', -1, 'integer below minimum value'],
    ['worker.capacity', 'many', 'expected an integer'],
  ])('with %s = %j is refused', async (path, value, expected) => {
    const [name, inner] = path.split('.') as [string, string | undefined];
    const body = { queues: ['q:0'], [name]: inner === undefined ? value : { [inner]: value } };
    const answer = await refused('take', body);
    expect(answer).toMatch(/^400 /);
    expect(answer).toContain(expected);
    if (!answer.includes('Supported values')) expect(answer).toContain(`'${path}'`);
  });
});

describe('a completion', () => {
  it.each([
    ['[]', "Invalid type for 'body': expected an object, but got an array instead."],
    ['"done"', "Invalid type for 'body': expected an object, but got a string instead."],
    ['null', "Invalid type for 'body': expected an object, but got null instead."],
    [{ status_code: 99 }, "Invalid 'status_code': expected an HTTP status from 200 to 599."],
    [{ status_code: 100 }, "Invalid 'status_code'"],
    [{ status_code: 600 }, "Invalid 'status_code'"],
    [{ status_code: '20x' }, "Invalid 'status_code'"],
    [{ status_code: true }, "Invalid 'status_code'"],
    [{ status_code: 200.5 }, "Invalid 'status_code'"],
    [{ request_id: 7 }, "Invalid type for 'request_id': expected a string, but got an integer instead."],
    [{ request_id: 'x'.repeat(513) }, "Invalid 'request_id': expected at most 512 whole characters"],
    [{ request_id: '\ud800' }, "Invalid 'request_id'"],
    [{ lease_token: 7 }, "Invalid type for 'lease_token': expected a string, but got an integer instead."],
    [`{"body":${DEEP}}`, "Invalid 'body': nested deeper than 200 levels."],
    [`{"answer":${DEEP},"status_code":200}`, "Invalid 'body': nested deeper than 200 levels."],
    ['{"__proto__":{"a":1}}', 'We could not parse the JSON body'],
  ])('of %j is refused', async (body, expected) => {
    const id = await worker.put('q');
    const { lease_token } = await worker.takeOne('q:0');
    const hasToken = typeof body === 'object' && 'lease_token' in body;
    const headers: Record<string, string> = hasToken ? {} : { 'x-millrace-lease-token': lease_token };
    const answer = await refused(`${id}/complete`, body, headers);
    expect(answer).toMatch(/^400 /);
    expect(answer).toContain(expected);
    expect((await worker.task(id)).state).toBe('leased');
    await worker.post(`${id}/complete`, {});
  });

  it.each([
    [{}, "Missing required parameter: 'completions'."],
    [{ completions: {} }, "Invalid type for 'completions': expected an array, but got an object instead."],
    [{ completions: [1] }, "Invalid type for 'completions.0': expected an object, but got an integer instead."],
    [{ completions: [{ result: {} }] }, "Missing required parameter: 'completions.0.task_id'."],
    [{ completions: [{ task_id: 1, result: {} }] }, "Invalid type for 'completions.0.task_id'"],
    [{ completions: [{ task_id: 't' }] }, "Missing required parameter: 'completions.0.result'."],
    [{ completions: [{ task_id: 't', result: [] }] }, "Invalid type for 'completions.0.result': expected an object"],
    [{ completions: [{ task_id: 't', result: {}, lease_token: 1 }] }, "Invalid type for 'completions.0.lease_token'"],
    [{ completions: [{ task_id: 't', result: { status_code: 9 } }] }, "Invalid 'completions.0.result.status_code'"],
    [
      { completions: Array.from({ length: 1_001 }, () => ({ task_id: 't', result: {} })) },
      "Invalid 'completions': at most 1000 items.",
    ],
  ])('of many as %j is refused whole', async (body, expected) => {
    expect(await refused('complete', body)).toContain(`400 ${expected}`);
  });

  it('of none is one', async () => {
    expect(await worker.post('complete', { completions: [] })).toEqual({ results: [] });
  });
});

describe('a body that is nested without end', () => {
  it.each(['t/complete', 't/progress'])('sent to %s is refused', async (path) => {
    const field = path.endsWith('complete') ? 'body' : 'event_data';
    const body = `{"${field}":${'['.repeat(200_000)}${']'.repeat(200_000)}}`;
    expect(await refused(path, body)).toBe(`400 Invalid '${field}': nested deeper than 200 levels.`);
  });
});

describe('other reports', () => {
  it.each([
    ['t/heartbeat', {}, "Missing required parameter: 'lease_token'."],
    ['t/heartbeat', { lease_token: 1 }, "Invalid type for 'lease_token'"],
    ['t/heartbeat', { lease_token: 'x', extend_seconds: 0 }, "Invalid 'extend_seconds'"],
    ['t/heartbeat', { lease_token: 'x', extend_seconds: '9' }, "Invalid type for 'extend_seconds'"],
    ['heartbeat', {}, "Missing required parameter: 'leases'."],
    ['heartbeat', { leases: [{}] }, "Missing required parameter: 'leases.0.task_id'."],
    ['heartbeat', { leases: [{ task_id: 't' }] }, "Missing required parameter: 'leases.0.lease_token'."],
    ['heartbeat', { leases: [{ task_id: 't', lease_token: 4 }] }, "Invalid type for 'leases.0.lease_token'"],
    ['heartbeat', { leases: [], worker: 'me' }, "Invalid type for 'worker'"],
    ['t/progress', {}, "Missing required parameter: 'event_data'."],
    ['t/progress', { events: 1 }, "Invalid type for 'events': expected an array"],
    ['t/progress', { events: [{}] }, "Missing required parameter: 'events.0.event_data'."],
    ['t/progress', { events: [], event_data: 1 }, "Send either 'event_data' or 'events', not both."],
    ['t/progress', { event_data: 1, event_id: {} }, "Invalid type for 'event_id'"],
    ['t/progress', { event_data: 1, event_id: 'a\nb' }, "Invalid 'event_id': expected one line"],
    ['t/progress', { event_data: 1, event_name: 'a\rb' }, "Invalid 'event_name': expected one line"],
    ['t/progress', { event_data: 1, event_name: 'x'.repeat(201) }, "Invalid 'event_name'"],
    ['t/progress', `{"event_data":${DEEP}}`, "Invalid 'event_data': nested deeper than 200 levels."],
    ['t/fail', { error: 'x' }, "Invalid type for 'error': expected an object"],
    ['t/fail', { error: {} }, "Missing required parameter: 'error.message'."],
    ['t/fail', { error: { message: 1 } }, "Invalid type for 'error.message'"],
    ['t/fail', { error: { message: 'x', code: '' } }, "Invalid 'error.code'"],
    ['t/fail', { retry_after: -1 }, "Invalid 'retry_after'"],
    ['t/fail', { retry_after: 'soon' }, "Invalid type for 'retry_after'"],
    ['t/fail', { retryable: 'yes' }, "Invalid type for 'retryable': expected true or false"],
    ['t/release', { lease_token: 1 }, "Invalid type for 'lease_token'"],
    ['dead/redrive', {}, "Send either 'queue' or 'task_ids'."],
    ['dead/redrive', { queue: 'q', task_ids: ['t'] }, "Send either 'queue' or 'task_ids'."],
    ['dead/redrive', { queue: 'nobody' }, "You have no queue named 'nobody'."],
    ['dead/redrive', { task_ids: 't' }, "Invalid type for 'task_ids': expected an array"],
    ['dead/redrive', { task_ids: [1] }, "Invalid type for 'task_ids.0'"],
    ['dead/drop', {}, "Send either 'queue' or 'task_ids'."],
    ['dead/drop', { queue: 'q', task_ids: ['t'] }, "Send either 'queue' or 'task_ids'."],
    ['dead/drop', { queue: 'nobody' }, "You have no queue named 'nobody'."],
    ['dead/drop', { queue: 1 }, "Invalid type for 'queue'"],
    ['dead/drop', { task_ids: 't' }, "Invalid type for 'task_ids': expected an array"],
    ['dead/drop', { task_ids: [1] }, "Invalid type for 'task_ids.0'"],
    ['dead/drop', { task_ids: ['t', 't'] }, "Invalid 'task_ids.1': 't' is in the list twice."],
  ])('to %s of %j are refused', async (path, body, expected) => {
    expect(await refused(path, body)).toContain(`400 ${expected}`);
  });

  it.each([
    ['dead', "400 Missing required parameter: 'queue'."],
    ['dead?queue=nobody', "400 You have no queue named 'nobody'."],
    ['dead?queue=q&limit=0', "400 Invalid 'limit'"],
    ['dead?queue=q&limit=x', "400 Invalid type for 'limit'"],
    ['dead?queue=q&after=task_of_nobody', "404 No task found with id 'task_of_nobody'."],
    ['dead?queue=q&queue=r', "400 Invalid type for 'queue'"],
    ['workers?queue=q&queue=r', "400 Invalid type for 'queue'"],
  ])('GET %s is refused', async (path, expected) => {
    const [status, message] = await worker.refused('GET', path);
    expect(`${status} ${message}`).toContain(expected);
  });
});

describe('a caller without a key', () => {
  it.each(['take', 't/complete', 'complete', 't/heartbeat', 'heartbeat', 't/progress', 't/fail', 't/release'])(
    'gets an empty 401 from %s',
    async (path) => {
      const { status, body } = await new PullWorker(server, 'mr_nobody').ask('POST', path, {});
      expect([status, body]).toEqual([401, undefined]);
    },
  );
});
