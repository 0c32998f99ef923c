/** Processes that start together on an empty database, and those that must not start. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Deployment } from '../support/deployment.js';
import { createBatch, hasEnded, upload } from '../support/batches.js';
import { chatLines } from '../support/chat-lines.js';
import { until } from '../support/until.js';
import { EndedTooSoon } from '../support/child-program.js';
import { ConsoleClient } from '../support/console.js';

let deployment: Deployment;

beforeAll(async () => {
  deployment = await Deployment.start({ apis: 3, engines: 3, isStarted: false });
});
afterAll(() => deployment.close());

/** Rejects with what the process printed; so it does when it goes on to serve, with another text. */
async function refusal(start: Promise<unknown>): Promise<string> {
  const error = await start.then(
    () => new Error('it started'),
    (reason: unknown) => reason,
  );
  if (!(error instanceof EndedTooSoon)) throw error;
  const [line] = error.message.split('\n').filter((text) => text.includes('"level":"fatal"'));
  return (JSON.parse(line!) as { msg: string }).msg;
}

it('six at once on a database where a migration was cut off before it had made anything make the schema once', async () => {
  const name = new URL(deployment.place.env['MILLRACE_DATABASE_URL']!).pathname.slice(1);
  await deployment.administer(
    `CREATE TABLE ${name}.migration (id INT AUTO_INCREMENT PRIMARY KEY, timestamp BIGINT NOT NULL, name VARCHAR(255) NOT NULL)`,
  );
  await Promise.all(deployment.processes.map((one) => one.restart()));
  expect(await deployment.value('SELECT COUNT(*) - COUNT(DISTINCT name) FROM migration')).toBe(0);
  expect(await deployment.value("SELECT COUNT(*) FROM queue WHERE name = 'default'")).toBe(1);
  const all = await Promise.all(deployment.apis.map((api) => new ConsoleClient(api).get('queues')));
  expect(new Set(all.map((answer) => JSON.stringify(answer))).size).toBe(1);
  expect(await deployment.stop()).toEqual([]);
});

it('six at once on an empty database and bucket make the schema once', async () => {
  await deployment.emptyDatabase();
  await deployment.s3.empty();
  await Promise.all(deployment.processes.map((one) => one.restart()));
  expect(await deployment.value('SELECT COUNT(*) - COUNT(DISTINCT name) FROM migration')).toBe(0);
  expect(await deployment.value("SELECT COUNT(*) FROM queue WHERE name = 'default'")).toBe(1);
  expect(await deployment.stop()).toEqual([]);
});

it('one with another secret is refused, and the right one still starts', async () => {
  const [api] = deployment.apis;
  const secret = deployment.place.env['MILLRACE_SECRET']!;
  const said = await refusal(api!.restart({ MILLRACE_SECRET: 'some-other-secret-of-tests-0123456789' }));
  expect(said).toContain('MILLRACE_SECRET does not fit what is stored');
  await api!.restart({ MILLRACE_SECRET: secret });
  expect(await deployment.stop()).toEqual([]);
});

it('one whose schema was made by a newer build is refused, and says which migrations it does not know', async () => {
  await deployment.place.alter(`INSERT INTO migration (timestamp, name) VALUES (9, 'from_the_future0000000000999')`);
  const said = await refusal(deployment.engines[0]!.restart());
  expect(said).toContain('newer version of Millrace (migrations from_the_future0000000000999)');
  await deployment.place.alter(`DELETE FROM migration WHERE timestamp = 9`);
  await deployment.engines[0]!.restart();
  expect(await deployment.stop()).toEqual([]);
});

it('one on a bucket that is not there, or is not its own, is refused, and touches nothing there', async () => {
  const [api] = deployment.apis;
  const [engine] = deployment.engines;
  await api!.restart();
  const fileId = await upload(api!.openai, ['{}']);
  const keys = await deployment.place.blobKeys();
  expect(keys).toHaveLength(1);
  const { port } = deployment.links.engine.s3;
  const own = deployment.place.env['MILLRACE_S3_URL']!.replace(/:\d+\//, `:${port}/`);

  expect(await refusal(engine!.restart({ MILLRACE_S3_URL: own.replace('/millrace/', '/absent/') }))).toMatch(
    /the bucket \S+ cannot be used: .*; make the bucket/,
  );
  expect(await refusal(engine!.restart({ MILLRACE_S3_URL: `${own}/elsewhere` }))).toContain(
    'the files that the database knows are elsewhere',
  );
  await engine!.restart({ MILLRACE_S3_URL: own });
  expect((await api!.openai.files.retrieve(fileId)).id).toBe(fileId);
  expect(await deployment.stop()).toEqual([]);

  // An outage of the database ends with an empty one; its backup is to come, but the supervisor is faster.
  await deployment.s3.age();
  await deployment.emptyDatabase();
  const said = await Promise.all([api!, engine!].map((one) => refusal(one.restart())));
  for (const text of said)
    expect(text).toMatch(/it belongs to another deployment: .*restore the backup of the database/);
  expect(await deployment.place.blobKeys()).toEqual(keys);
});

it('one whose S3 is away starts, and looks whose the bucket is when S3 is back', async () => {
  await deployment.emptyDatabase();
  await deployment.s3.empty();
  await deployment.s3.down();
  const [api] = deployment.apis;
  const [engine] = deployment.engines;
  await Promise.all([api!.restart(), engine!.restart()]);
  expect(api!.logs).toContainEqual(
    expect.objectContaining({
      msg: expect.stringContaining('S3 does not answer') as string,
      bucket: expect.stringMatching(/^http:\/\/[^@]+:\d+\/millrace/) as string,
      fix: expect.stringContaining('MILLRACE_S3_URL') as string,
    }),
  );
  const lines = chatLines(3).map(({ text }) => text);
  await expect(upload(api!.openai, lines)).rejects.toMatchObject({ status: 503 });
  await deployment.s3.up();
  const { id } = await createBatch(api!.openai, await upload(api!.openai, lines));
  const ended = await until(() => api!.openai.batches.retrieve(id), hasEnded);
  expect(ended.request_counts!.completed).toBe(3);
  expect(await deployment.stop()).toEqual([]);
});

it('one whose database or Redis is not there is refused, and says which, where, and what to do, but no password', async () => {
  const [api] = deployment.apis;
  const own = deployment.place.env;
  const at = (name: string, change: (url: URL) => void) => {
    const url = new URL(own[name]!);
    change(url);
    return { [name]: url.href };
  };
  const nobody = (url: URL) => Object.assign(url, { port: '1', password: 'hush' });
  const { pathname } = new URL(own['MILLRACE_DATABASE_URL']!);
  const said = [
    await refusal(api!.restart({ ...own, ...at('MILLRACE_DATABASE_URL', nobody) })),
    await refusal(api!.restart({ ...own, ...at('MILLRACE_DATABASE_URL', (url) => (url.pathname = '/absent')) })),
    await refusal(api!.restart({ ...own, ...at('MILLRACE_REDIS_URL', nobody) })),
  ];
  expect(said).toEqual([
    expect.stringMatching(
      new RegExp(
        `the database at \\S+:1${pathname} cannot be used: .*ECONNREFUSED.*; look whether it runs, .*MILLRACE_DATABASE_URL`,
      ),
    ),
    expect.stringMatching(/the database at \S+:\d+\/absent cannot be used: .*MILLRACE_DATABASE_URL names the right/),
    expect.stringMatching(/Redis at \S+:1 cannot be used: it does not answer \(.*\)\. Check MILLRACE_REDIS_URL/),
  ]);
  expect(said.join()).not.toContain('hush');
  await api!.restart(own);
  expect(await deployment.stop()).toEqual([]);
});
