/** What the contract of workers' streams cannot show: hostile writers, dead readers, and a Redis that goes away. */
import { setTimeout as sleep } from 'node:timers/promises';
import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { checkReporter } from '../../src/adapters/distributed/check-reporter.js';
import type { RedisLink } from '../../src/adapters/distributed/redis-link.js';
import { RedisReportStreams } from '../../src/adapters/distributed/redis-report-streams.js';
import { reportPattern, reportPrefix, ReportKeys } from '../../src/adapters/distributed/report-keys.js';
import { Gate, Inbox } from '../support/inbox.js';
import { openLink, sharedRedis, stopSharedRedis } from '../support/services/redis-links.js';
import { RedisService } from '../support/services/redis.js';
import { until } from '../support/until.js';

const TENANT = 1;
const MAX_BYTES = 2_000_000;
const TIMES = { beatMs: 50, aliveMs: 300, sweepMs: 500 };
/** From the moment that Redis can be reached again. */
const BACK_MS = 5_000;
const closing: Array<() => Promise<void>> = [];

afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});
afterAll(stopSharedRedis);

interface Reading {
  link: RedisLink;
  streams: RedisReportStreams;
  stream: string;
  inbox: Inbox<string | null>;
  /** Bytes of what was heard in one go. */
  sizes: number[];
}

async function startReading(url: string, prefix?: string, before = async (): Promise<void> => {}): Promise<Reading> {
  const link = await openLink(url, prefix === undefined ? {} : { prefix });
  const keys = new ReportKeys(link.prefix, 'a-secret-of-this-test');
  const streams = new RedisReportStreams({
    link,
    redisUrl: url,
    keys,
    toldUrl: url,
    maxBytes: MAX_BYTES,
    onError: () => {},
    ...TIMES,
  });
  const inbox = new Inbox<string | null>();
  const sizes: number[] = [];
  streams.listen({
    tenants: () => new Set([TENANT]),
    hear: async (_tenant, reports) => {
      await before();
      sizes.push(reports.reduce((sum, { payload }) => sum + (payload?.length ?? 0), 0));
      for (const { payload } of reports) inbox.add(payload?.toString() ?? null);
    },
  });
  closing.push(async () => {
    await streams.close();
    await link.close();
  });
  return { link, streams, stream: keys.streamOf(TENANT, link.instanceId), inbox, sizes };
}

async function startRedis(): Promise<RedisService> {
  const redis = await RedisService.start();
  closing.push(() => redis.stop());
  return redis;
}

/** Writes until it is heard: what is written in an outage may be lost. */
async function expectHeard({ inbox, stream }: Reading, client: RedisLink['client']): Promise<void> {
  const mark = randomUUID();
  let count = 0;
  await until(
    async () => {
      count += 1;
      await client.xadd(stream, '*', 'name', 'x', 'payload', `${mark} ${count}`).catch(() => {});
      return inbox.items.some((payload) => payload?.startsWith(mark));
    },
    (isHeard) => isHeard,
    BACK_MS,
  );
}

describe('streams that nobody reads', () => {
  it('are dropped by whoever lives: those of the dead, again when somebody goes on writing, and made-up ones', async () => {
    const redis = await sharedRedis();
    const dying = await startReading(redis.url);
    const living = await startReading(redis.url, dying.link.prefix);
    const client = redis.client();
    await expectHeard(dying, client);
    await dying.link.close(); // it says nothing any more
    const { prefix } = living.link;
    const topic = living.streams.addressOf(TENANT).topic;
    const made = [dying.stream, `${reportPrefix(prefix)}junk`, `${reportPrefix(prefix)}a:b:c`, `${topic}nobody`];
    made.push(`${reportPrefix(prefix)}${'x'.repeat(32)}:${living.streams.instanceId}`);
    for (let round = 0; round < 2; round += 1) {
      for (const name of made) await client.xadd(name, '*', 'a', 'b');
      const left = (): Promise<string[]> => client.keys(reportPattern(prefix));
      await until(left, (names) => names.every((name) => !made.includes(name)));
    }
    await expectHeard(living, client);
  });
});

describe('a hostile writer', () => {
  it('cannot fill Redis while the reader is slow', async () => {
    const redis = await sharedRedis();
    const gate = new Gate();
    const { stream, inbox } = await startReading(redis.url, undefined, () => gate.opened);
    const client = redis.client();
    await client.eval("for i = 1, 30000 do redis.call('XADD', KEYS[1], '*', 'payload', i) end", 1, stream);
    await until(
      () => client.xlen(stream),
      (length) => length <= 10_000,
    );
    gate.open();
    await until(
      () => inbox.items.at(-1),
      (last) => last === '30000',
    );
    expect(new Set(inbox.items).size).toBe(inbox.items.length);
    await until(
      () => client.exists(stream),
      (count) => count === 0,
    );
  });

  it('cannot keep Redis full, with streams that are read or with others', async () => {
    const redis = await RedisService.start({ config: ['--maxmemory', '40mb', '--maxmemory-policy', 'noeviction'] });
    closing.push(() => redis.stop());
    const gate = new Gate();
    const reading = await startReading(redis.url, undefined, () => gate.opened);
    const client = redis.client();
    const payload = 'x'.repeat(1_000_000);
    const flood = async (stream: string): Promise<void> => {
      for (;;) await client.xadd(stream, '*', 'payload', payload);
    };
    await expect(flood(`${reading.streams.addressOf(TENANT).topic}nobody`)).rejects.toThrow('OOM');
    await until(
      () => client.xadd(reading.stream, '*', 'payload', 'there is room').catch(() => null),
      (id) => id !== null,
    );
    await expect(flood(reading.stream)).rejects.toThrow('OOM');
    gate.open();
    await expectHeard(reading, client);
  });

  it('gets nothing into this process that is larger than it may be, and what comes after it is heard', async () => {
    const redis = await sharedRedis();
    const gate = new Gate();
    const { stream, inbox } = await startReading(redis.url, undefined, () => gate.opened);
    const client = redis.client();
    const outbound = async (): Promise<number> =>
      Number(/total_net_output_bytes:(\d+)/.exec(await client.info('stats'))![1]);
    await client.xadd(stream, '*', 'payload', 'small');
    const before = await outbound();
    const large = 'x'.repeat(4 * MAX_BYTES);
    const fields = Array.from({ length: 20_000 }, (_, at) => [String(at), 'x']).flat();
    await client.xadd(stream, '*', 'payload', large);
    await client.xadd(stream, '*', 'name', 'x', 'other', large, 'payload', 'beside much else');
    await client.xadd(stream, '*', ...fields, 'payload', 'after many fields');
    await client.xadd(stream, '*', 'payload', 'y'.repeat(MAX_BYTES + 1));
    await client.xadd(stream, '*', 'payload', 'good');
    gate.open();
    const heard = ['small', null, 'beside much else', 'after many fields', null, 'good'];
    expect(await inbox.first(heard.length)).toEqual(heard);
    expect((await outbound()) - before).toBeLessThan(MAX_BYTES);
  });

  it('cannot fill this process with many either', async () => {
    const redis = await sharedRedis();
    const gate = new Gate();
    const { stream, inbox, sizes } = await startReading(redis.url, undefined, () => gate.opened);
    const client = redis.client();
    for (let at = 0; at < 15; at += 1) await client.xadd(stream, '*', 'payload', String(at).padEnd(MAX_BYTES, ' '));
    gate.open();
    expect((await inbox.first(15)).map(Number)).toEqual(Array.from({ length: 15 }, (_, at) => at));
    expect(Math.max(...sizes)).toBeLessThan(10 * 1024 * 1024);
  });

  it('cannot hold more bytes in Redis than a number of good reports has, not even in one that nobody can read', async () => {
    const redis = await sharedRedis();
    const gate = new Gate();
    const { stream, inbox } = await startReading(redis.url, undefined, () => gate.opened);
    const client = redis.client();
    const payload = 'x'.repeat(MAX_BYTES);
    await client.xadd(stream, '*', 'payload', 'being heard');
    for (let at = 1; at <= 40; at += 1) await client.xadd(stream, '*', 'payload', payload, 'at', at);
    gate.open();
    await until(
      () => client.exists(stream),
      (count) => count === 0,
    );
    expect(inbox.items.length).toBeLessThan(20);
    const heard = inbox.items.length;
    await client.xadd(stream, '18446744073709551615-18446744073709551615', 'payload', 'x'.repeat(17 * MAX_BYTES));
    expect((await inbox.first(heard + 1)).at(-1)).toBe(null);
    await client.xadd(stream, '*', 'payload', 'good');
    expect((await inbox.first(heard + 2)).at(-1)).toBe('good');
  });

  it('cannot close a stream by the highest id there is', async () => {
    const redis = await sharedRedis();
    const reading = await startReading(redis.url);
    const client = redis.client();
    await client.xadd(reading.stream, '18446744073709551615-18446744073709551615', 'payload', 'the last');
    expect(await reading.inbox.first(1)).toEqual(['the last']);
    await expectHeard(reading, client);
  });
});

describe('an outage of Redis', () => {
  it.each(['dies and comes back empty', 'freezes'])('that %s costs little, and reading goes on', async (what) => {
    const redis = await startRedis();
    const reading = await startReading(redis.url);
    const client = redis.client();
    await expectHeard(reading, client);
    if (what === 'freezes') redis.pause();
    else await redis.kill();
    const before = process.cpuUsage();
    await sleep(4_000);
    const { user, system } = process.cpuUsage(before);
    expect((user + system) / 4_000_000).toBeLessThan(0.2);
    if (what === 'freezes') redis.resume();
    else await redis.restart({ empty: true });
    await expectHeard(reading, client);
    expect(new Set(reading.inbox.items).size).toBe(reading.inbox.items.length);
  });

  it('does not keep it from closing, and it leaves no connection', async () => {
    const redis = await startRedis();
    const [gone, open] = [await startReading(redis.url), await startReading(redis.url)];
    const client = redis.client();
    await expectHeard(open, client);
    await open.streams.close();
    await open.link.close();
    await redis.kill();
    await sleep(300);
    await gone.streams.close();
    await gone.link.close();
    await redis.restart();
    await sleep(1_500);
    expect(
      String(await client.client('LIST'))
        .trim()
        .split('\n'),
    ).toHaveLength(1);
  });
});

describe('the look at the user whom workers are told', () => {
  const PREFIX = '{test:look}';

  async function findingsOf(rules: readonly string[], { change = (url: URL): URL => url, isTold = true } = {}) {
    const redis = await sharedRedis();
    const client = redis.client();
    const user = `reporter-${randomUUID().slice(0, 8)}`;
    await client.acl('SETUSER', user, 'reset', 'on', '>secret', ...rules);
    const url = change(new URL(redis.url.replace('//', `//${user}:secret@`)));
    if (!isTold) await client.acl('SETUSER', 'server', 'reset', 'on', '>its', '~*', '&*', '+@all', '-acl');
    const asking = isTold ? client : new Redis(redis.url.replace('//', '//server:its@'));
    if (!isTold) closing.push(async () => asking.disconnect());
    const findings = await checkReporter(asking, url.href, PREFIX);
    expect(await client.keys(`${PREFIX}*`)).toEqual([]);
    return findings;
  }

  it('finds one well who may add to streams of reports and nothing else', async () => {
    const findings = await findingsOf([`~${reportPattern(PREFIX)}`, '+xadd']);
    expect(findings.map(({ status }) => status)).toEqual(['ok', 'ok']);
  });

  it.each([['+ping'], ['+select', '+client|setname', '%W~{test:look}:eventbus:a*'], ['+@all', '-@all', '+xadd', '&*']])(
    'has nothing against what gives nothing: %s %s %s',
    async (...rules) => {
      const findings = await findingsOf([`~${reportPattern(PREFIX)}`, '+xadd', ...rules]);
      expect(findings.map(({ status }) => status)).toEqual(['ok', 'ok']);
    },
  );

  const OWN = `~${reportPattern(PREFIX)}`;
  const REFUSED: [rules: string[], excess: string, tried: string][] = [
    [['~*', '+xadd'], '~*', 'XADD to other keys of this deployment, XADD to any key'],
    [[`~${PREFIX}:*`, '+xadd'], `~${PREFIX}:*`, 'XADD to other keys of this deployment'],
    [[OWN, '+xadd', '+get', '+config|get'], '+config|get, +get', 'GET, CONFIG'],
    [['allkeys', '+@all'], '+@all, ~*', 'XADD to other keys of this deployment, .*FLUSHALL'],
    ...['xread', 'xdel', 'xgroup', 'set', 'del', 'unlink', 'keys', 'flushall'].map(
      (name): [string[], string, string] => [[OWN, '+xadd', `+${name}`], `+${name}`, name.toUpperCase()],
    ),
    [[OWN, 'allchannels', '+xadd', '+subscribe'], '+subscribe', 'SUBSCRIBE'],
    [[OWN, 'allchannels', '+xadd', '+publish'], '+publish', 'PUBLISH'],
  ];

  it.each(REFUSED)('refuses one who may do more: %j', async (rules, excess) => {
    const [place, rights] = await findingsOf(rules);
    expect(place).toMatchObject({ status: 'ok' });
    expect(rights).toMatchObject({
      check: 'eventbus-rights',
      status: 'failed',
      message: expect.stringMatching(/ may do more: /),
      fix: expect.stringMatching(/^ACL SETUSER reporter-\w+ reset on >PASSWORD '~\{test:look\}:eventbus:\*' \+xadd$/),
    });
    // Redis tells them in no certain order.
    const told = rights!.message.split('may do more: ')[1]!.split(', ');
    expect(told.toSorted()).toEqual(excess.split(', ').toSorted());
  });

  it.each([
    [['+psubscribe'], '+psubscribe'],
    [['+monitor'], '+monitor'],
    [['+@stream', '-xread'], '+@stream'],
    [['+@all', '-@dangerous'], '+@all'],
    [['(+set ~x*)'], '+set, ~x*'],
    [['%R~x*'], '%R~x*'],
  ])('refuses what could not be tried: %j', async (rules, excess) => {
    const [place, rights] = await findingsOf([OWN, '+xadd', ...rules]);
    expect([place?.status, rights?.status]).toEqual(['ok', 'failed']);
    expect(rights!.message).toMatch(new RegExp(` may do more: ${excess.replaceAll(/[+*]/g, '\\$&')}$`));
  });

  describe('of servers whose own user may not ask for his rules', () => {
    it('says that more may be allowed than was tried', async () => {
      const [place, rights] = await findingsOf([OWN, '+xadd', '+monitor'], { isTold: false });
      expect([place?.status, rights?.status]).toEqual(['ok', 'warning']);
    });

    it.each(REFUSED)('refuses one who may do more: %j', async (rules, _, tried) => {
      const [place, rights] = await findingsOf(rules, { isTold: false });
      expect([place?.status, rights?.status]).toEqual(['ok', 'failed']);
      expect(rights!.message).toMatch(new RegExp(` may do more: ${tried}$`));
    });
  });

  it('refuses one who may not add, and who adds somewhere else', async () => {
    const [cannot] = await findingsOf([`~${reportPattern(PREFIX)}`, '+ping']);
    expect(cannot).toMatchObject({ check: 'eventbus', status: 'failed', message: expect.stringContaining('NOPERM') });
    const [elsewhere] = await findingsOf([`~${reportPattern(PREFIX)}`, '+xadd', '+select'], {
      change: (url) => Object.assign(url, { pathname: '/3' }),
    });
    expect(elsewhere).toMatchObject({ status: 'failed', message: expect.stringContaining('another Redis') });
  });

  it('tells a wrong password from an address that only workers can reach', async () => {
    const wrong = await findingsOf([], { change: (url) => Object.assign(url, { password: 'not-this-one' }) });
    expect(wrong).toMatchObject([{ status: 'failed', message: expect.stringContaining('WRONGPASS') }]);
    const away = await findingsOf([], { change: (url) => Object.assign(url, { port: '9' }) });
    expect(away).toMatchObject([{ status: 'warning', message: expect.stringContaining('ECONNREFUSED') }]);
    expect(JSON.stringify([wrong, away])).not.toMatch(/secret|not-this-one/);
  });
});
