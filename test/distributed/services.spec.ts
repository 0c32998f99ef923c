/** Services that die, freeze, lose what they kept or refuse, while a batch runs and clients go on putting. */
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import { createBatch, upload } from '../support/batches.js';
import { chatLines } from '../support/chat-lines.js';
import { Deployment } from '../support/deployment.js';
import { DeploymentBatch } from '../support/deployment-batch.js';
import { PutLoad } from '../support/put-load.js';
import { strikeBatch, type StruckOptions } from '../support/struck-batch.js';
import { RedisService } from '../support/services/redis.js';
import { PullWorker } from '../support/pull-worker.js';
import { Remains } from '../support/remains.js';
import { until } from '../support/until.js';

const IS_LONG = process.env['LONG'] === '1';
/** Of the rate before an outage of Redis: over so few lines as in a short run a busy machine shows. What is looked for is a tenth. */
const LEAST_RECOVERY = IS_LONG ? 0.8 : 0.5;
vi.setConfig({ testTimeout: IS_LONG ? 600_000 : 180_000 });

const LINES = chatLines(IS_LONG ? 5_000 : 400);
const LATENCY_MS = 80;
const OUTAGE_MS = IS_LONG ? 30_000 : 1_000;
/** Longer than a server waits for an answer of the database, and than an instance may be silent. */
const FROZEN_MS = IS_LONG ? 30_000 : 12_000;

/** Lines over which a rate is measured. */
const STRETCH = 64;

let deployment: Deployment;
beforeAll(async () => {
  deployment = await Deployment.start({ apis: 1, engines: 2, sim: { latencyMs: LATENCY_MS } });
  await PutLoad.prepare(deployment.apis[0]!);
});
afterEach(() => deployment.heal());
afterAll(() => deployment.end());

/** The answers that clients got to their puts meanwhile. */
async function struck(strikes: StruckOptions['strikes'], faults: number): Promise<Readonly<Record<string, number>>> {
  const { problems, puts } = await strikeBatch(deployment, { lines: LINES, strikes, faults });
  expect(problems).toEqual([]);
  return puts;
}

/** Until a put is refused, as one that is made while the database is away must be. */
async function untilRefused(): Promise<void> {
  const client = new PullWorker(deployment.apis[0]!);
  const refused = await until(
    () => client.ask('POST', 'put', { endpoint: '/v1/x', queue: 'load', data: {} }),
    ({ status }) => status !== 200,
  );
  expect([refused.status, refused.headers.get('retry-after') !== null]).toEqual([503, true]);
}

/** Until requests are no longer to be sent to the process. */
async function untilUnready(): Promise<void> {
  await until(
    async () => (await deployment.apis[0]!.fetch('/readyz')).status,
    (status) => status === 503,
  );
}

/** Epoch ms. */
const databaseTime = async (): Promise<number> =>
  (await deployment.value<number>('SELECT FLOOR(UNIX_TIMESTAMP(NOW(3)) * 1000)'))!;

/** Lines a second in the best stretch: a busy machine makes others slower. */
function bestRate(ends: readonly { at: number }[]): number {
  const spans = ends.slice(STRETCH).map(({ at }, from) => at - ends[from]!.at);
  return (STRETCH * 1_000) / Math.min(...spans);
}

it('Redis is killed and comes back empty, is flushed, and freezes', async () => {
  const { redis } = deployment;
  const client = redis.client();
  const puts = await struck(
    [
      async () => {
        await redis.kill();
        await delay(OUTAGE_MS);
        await redis.restart({ empty: true });
      },
      () => client.flushall(),
      async () => {
        redis.pause();
        await delay(OUTAGE_MS);
        redis.resume();
      },
    ],
    0,
  );
  expect(Object.keys(puts), 'what needs no Redis is served without').toEqual(['200']);
});

it('Redis fails over to its replica, and back', async () => {
  const former = deployment.redis;
  const replica = await RedisService.start({ config: ['--replicaof', '127.0.0.1', String(former.port)] });
  const failOver = async (from: RedisService, to: RedisService) => {
    const client = to.client();
    await until(
      () => client.info('replication'),
      (info) => info.includes('master_link_status:up'),
    );
    for (const link of deployment.linksTo('redis')) link.retarget(to.port);
    await client.replicaof('NO', 'ONE');
    await from.client().replicaof('127.0.0.1', to.port);
    await delay(OUTAGE_MS);
  };
  // Replicas take their time to follow.
  await deployment.sim.control.change({ latencyMs: 8 * LATENCY_MS });
  const puts = await struck([() => failOver(former, replica), () => failOver(replica, former)], 0);
  await deployment.sim.control.change({ latencyMs: LATENCY_MS });
  await replica.stop();
  expect(Object.keys(puts), 'what needs no Redis is served without').toEqual(['200']);
});

it('Redis is killed with calls in its lists: when it is back, lines are run as fast as before', async () => {
  const { redis, place } = deployment;
  const lines = chatLines(IS_LONG ? 1_000 : 320);
  // What is measured is the upstream's time, not the machine's.
  await deployment.sim.control.change({ latencyMs: 800 });
  const run = await DeploymentBatch.submit(deployment, lines);
  await run.reached(lines.length * 0.4);
  const killedAt = await databaseTime();
  await redis.kill();
  await delay(OUTAGE_MS);
  await redis.restart();
  const backAt = await databaseTime();
  await run.until();
  await deployment.sim.control.change({ latencyMs: LATENCY_MS });
  const { problems } = await run.judge(0, () => ({
    'a batch that went on': lines.length - run.batch.request_counts!.failed,
  }));
  expect(problems).toEqual([]);
  const ends = await Remains.examine(place, (remains) =>
    remains.rows<{ at: number }>(
      `SELECT ended_at AS at FROM task WHERE batch_seq = (SELECT seq FROM batch WHERE id = '${run.batch.id}') ORDER BY at`,
    ),
  );
  const before = bestRate(ends.filter(({ at }) => at < killedAt));
  const after = bestRate(ends.filter(({ at }) => at > backAt));
  expect(after / before).toBeGreaterThan(LEAST_RECOVERY);
});

it('MariaDB is killed and comes back, and freezes: 503 with Retry-After, and nothing answered is lost', async () => {
  const { mysql } = deployment;
  const puts = await struck(
    [
      async () => {
        await mysql.kill();
        await untilRefused();
        await mysql.restart();
      },
      async () => {
        mysql.pause();
        await Promise.all([untilRefused(), untilUnready(), delay(FROZEN_MS)]);
        mysql.resume();
      },
    ],
    // Only those of the kill: who was silent because the database was is not taken for dead.
    1,
  );
  expect(puts['200']).toBeGreaterThan(0);
});

it('the database is read-only for a while: 503 with Retry-After, then all goes on', async () => {
  const puts = await struck(
    [
      async () => {
        await deployment.administer('SET GLOBAL read_only = 1');
        await untilRefused();
        await delay(OUTAGE_MS);
        await deployment.administer('SET GLOBAL read_only = 0');
      },
    ],
    1,
  );
  expect(puts['200']).toBeGreaterThan(0);
});

it('S3 is away while lines are worked on: uploads are refused with 503, and no line is failed for it', async () => {
  await struck(
    [
      async () => {
        await deployment.s3.down();
        const answer = await upload(deployment.apis[0]!.openai, [LINES[0]!.text]).catch(
          (error: { status: number }) => error.status,
        );
        expect(answer).toBe(503);
        await delay(OUTAGE_MS);
        await deployment.s3.up();
      },
    ],
    0,
  );
});

it('S3 goes away before the result files are written: the batch ends when it is back', async () => {
  const lines = LINES.slice(0, 300);
  const run = await DeploymentBatch.submit(deployment, lines);
  await run.reached(lines.length - 50);
  await deployment.s3.down();
  const { status } = await run.until(
    (batch) => batch.status !== 'in_progress' || batch.request_counts!.completed === 300,
  );
  await delay(OUTAGE_MS);
  await run.until(() => true);
  expect([status, run.batch.status]).not.toContain('completed');
  await deployment.s3.up();
  const report = await run.judge(0, () => ({ 'a batch that could not be finalized': 1 }));
  expect([report.problems, run.batch.request_counts!.completed]).toEqual([[], 300]);
});

it('S3 is away when a batch is created: it is read in when S3 is back', async () => {
  const client = deployment.apis[0]!.openai;
  const file = await upload(
    client,
    LINES.slice(0, 20).map(({ text }) => text),
  );
  await deployment.s3.down();
  const { id } = await createBatch(client, file);
  await delay(OUTAGE_MS);
  expect((await client.batches.retrieve(id)).status).toBe('validating');
  await deployment.s3.up();
  const { status } = await until(
    () => client.batches.retrieve(id),
    (batch) => ['completed', 'failed'].includes(batch.status),
    60_000,
  );
  expect(status).toBe('completed');
});
