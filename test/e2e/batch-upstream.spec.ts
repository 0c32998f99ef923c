/** Upstreams that err, stall, babble, ask for a slower pace, are down or do not exist: what becomes of the lines. */
import type OpenAI from 'openai';
import type { Batch } from 'openai/resources/batches';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { awaited, customIdsOf, line, resultsOf, run, simLine, start } from '../support/batches.js';
import { TestServer } from '../support/server.js';
import { startTestSim, type TestSim } from '../support/sim.js';
import { until } from '../support/until.js';

const MAX_RESULT = 64 * 1_024;

/** What the simulator is told → what comes of the line, and how often it is called. */
const RECOVERS = [
  'status_500_once',
  'status_408_once',
  'hang_once',
  'garbage_once',
  'wrong_type_once',
  'drop_once',
  'truncated_once',
];
const PACED = ['status_429_once', 'status_503_once'];
const NOT_JSON = 'instead of a JSON object.';
const UNANSWERED: Record<string, [code: string, message: string, calls: number]> = {
  hang: ['request_timeout', 'Request timed out.', 2],
  garbage: [
    'invalid_upstream_response',
    `The upstream answered with status 200 and a body that is not JSON (application/json) ${NOT_JSON}`,
    2,
  ],
  wrong_type: [
    'invalid_upstream_response',
    `The upstream answered with status 200 and a body that is not JSON (text/html; charset=utf-8) ${NOT_JSON}`,
    2,
  ],
  drop: ['upstream_connection_failed', 'The connection to the upstream failed (UND_ERR_SOCKET).', 2],
  truncated: ['upstream_connection_failed', 'The connection to the upstream failed (UND_ERR_SOCKET).', 2],
  big_65: ['response_too_large', `The answer of the upstream was larger than the ${MAX_RESULT} bytes allowed.`, 1],
  endless: ['response_too_large', `The answer of the upstream was larger than the ${MAX_RESULT} bytes allowed.`, 1],
};
const ANSWERED: Record<string, [status: number, calls: number]> = {
  status_400: [400, 1],
  status_404: [404, 1],
  status_408: [408, 2],
  status_409: [409, 1],
  status_500: [500, 2],
  status_504: [504, 2],
};

describe('a troubled upstream', () => {
  let sim: TestSim;
  let server: TestServer;
  let client: OpenAI;

  beforeAll(async () => {
    sim = await startTestSim({ retryAfterSeconds: 0.02 });
    server = await TestServer.start({
      MILLRACE_UPSTREAM_URL: sim.url,
      MILLRACE_UPSTREAM_CONCURRENCY: '4',
      MILLRACE_MAX_TRIES: '2',
      MILLRACE_IDLE_TIMEOUT: '500ms',
      MILLRACE_MAX_RESULT: String(MAX_RESULT),
    });
    client = server.openai;
  });

  afterAll(async () => {
    await server.close();
    await sim.close();
  });

  it('is asked again where that may help, and each line gets the end it deserves', async () => {
    const words = [...RECOVERS, ...PACED, ...Object.keys(UNANSWERED), ...Object.keys(ANSWERED)];
    // Good lines between them, as otherwise the upstream would be taken for dead.
    const batch = await run(
      client,
      words.flatMap((word) => [simLine(word, word), line(`good beside ${word}`)]),
    );
    const failed = Object.keys(UNANSWERED).length + Object.keys(ANSWERED).length;
    const total = 2 * words.length;
    expect(batch).toMatchObject({ status: 'completed', request_counts: { total, completed: total - failed, failed } });

    const good = await customIdsOf(client, batch.output_file_id);
    expect(good.filter((id) => !id.startsWith('good'))).toEqual([...RECOVERS, ...PACED]);
    const bad = await resultsOf(client, batch.error_file_id);
    expect(bad.map((result) => result.custom_id)).toEqual([...Object.keys(UNANSWERED), ...Object.keys(ANSWERED)]);
    const calls = await sim.calls();
    for (const word of [...RECOVERS, ...PACED]) expect([word, calls[word]]).toEqual([word, 2]);
    for (const { id, custom_id, response, error } of bad) {
      if (custom_id in UNANSWERED) {
        const [code, message, expectedCalls] = UNANSWERED[custom_id]!;
        expect({ id, custom_id, response, error }).toEqual({
          id: expect.stringMatching(/^batch_req_[0-9a-f]{32}$/) as string,
          custom_id,
          response: null,
          error: { code, message },
        });
        expect([custom_id, calls[custom_id]]).toEqual([custom_id, expectedCalls]);
      } else {
        const [status, expectedCalls] = ANSWERED[custom_id]!;
        const message = `Simulated error: this call was told to end with status ${status}.`;
        expect(error).toBeNull();
        expect(response).toMatchObject({ status_code: status, body: { error: { message } } });
        expect(response!.request_id).toMatch(/^req_/);
        expect([custom_id, calls[custom_id]]).toEqual([custom_id, expectedCalls]);
      }
    }
  });

  it('may ask for a slower pace as often as it likes', async () => {
    await sim.change({ rate429: 0.5, concurrencyLimit: 2 });
    const ids = Array.from({ length: 60 }, (_, n) => `storm-${n}`);
    const batch = await run(
      client,
      ids.map((id) => line(id, { metadata: { id } })),
    );
    await sim.change({ rate429: 0, concurrencyLimit: 0 });
    expect(batch).toMatchObject({ status: 'completed', request_counts: { total: 60, completed: 60, failed: 0 } });
    expect(await customIdsOf(client, batch.output_file_id)).toEqual(ids);
    // More often than there are tries.
    const calls = Object.entries(await sim.calls()).filter(([id]) => id.startsWith('storm'));
    expect(Math.max(...calls.map(([, count]) => count))).toBeGreaterThan(2);
  });
});

it('waits for an upstream that is not set up, then for one that is down, and completes by itself', async () => {
  const gone = await startTestSim();
  await gone.close();
  const server = await TestServer.start();
  let sim: TestSim | null = null;
  try {
    const batch = await start(server.openai, [line('a'), line('b')]);
    const said = await server.logged(({ batch: id, level }) => id === batch.id && level === 'warn');
    expect(said.msg).toBe(
      "the batch waits: nothing consumes the queue 'default'. Set MILLRACE_UPSTREAM_URL, or give the queue an upstream",
    );
    expect(await laneOf(server)).toMatchObject({
      ready: 2,
      leased: 0,
      waits_because: "nothing consumes the queue 'default': give it an upstream or a worker",
    });
    expect(await server.openai.batches.retrieve(batch.id)).toMatchObject(WAITING);

    await server.stop();
    await server.restart({ MILLRACE_UPSTREAM_URL: gone.url });
    const down = await until(
      () => laneOf(server),
      ({ waits_because }) => waits_because?.includes('has not worked since') ?? false,
    );
    expect(down.waits_because).toMatch(
      /^the upstream 'default' has not worked since \d{4}-.*Z: The upstream could not be reached \(ECONNREFUSED\)\.$/,
    );
    expect(await server.openai.batches.retrieve(batch.id)).toMatchObject(WAITING);

    sim = await startTestSim({ port: Number(new URL(gone.url).port) });
    const ended = await awaited(server.openai, batch);
    expect(ended).toMatchObject({ status: 'completed', request_counts: { total: 2, completed: 2, failed: 0 } });
    expect(
      server.logs.map(({ level, msg }) => `${level} ${msg}`).filter((text) => text.includes("upstream '")),
    ).toEqual([
      "warn the upstream 'default' does not work, and its tasks wait: The upstream could not be reached (ECONNREFUSED).",
      "info the upstream 'default' works again",
    ]);
  } finally {
    await server.close();
    await sim?.close();
  }
});

const WAITING: Partial<Batch> = { status: 'in_progress', request_counts: { total: 2, completed: 0, failed: 0 } };

interface LaneView {
  queue: string;
  level: number;
  ready: number;
  waits_because: string | null;
}

/** The only lane of a server. */
async function laneOf(server: TestServer): Promise<LaneView> {
  const { lanes } = (await (await server.fetch('/v1/console/stats')).json()) as { lanes: LaneView[] };
  expect(lanes).toHaveLength(1);
  return lanes[0]!;
}
