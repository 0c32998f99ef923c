import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { messageOf } from '../../kernel/errors.js';
import type { RedisFinding } from './check-redis.js';
import { refusalOf, type Act } from './redis-act.js';
import { endConnection, onceOptions } from './redis-link.js';
import { excessRules } from './reporter-rules.js';
import { reportPattern, reportPrefix } from './report-keys.js';

/** What is put on the streams of the look goes by itself, in case nobody takes it away. */
const PROBE_SECONDS = 10;
const VARIABLE = 'MILLRACE_EVENTBUS_URL';

/**
 * Looks whether the user whom workers are told may add to streams of reports, in this Redis, and nothing else. All that is
 * tried changes nothing where it is allowed.
 *
 * @param client of the servers' own user
 */
export async function checkReporter(client: Redis, url: string, prefix: string): Promise<RedisFinding[]> {
  const { username, host, pathname } = new URL(url);
  const user = decodeURIComponent(username);
  const select = /^\/?0?$/.test(pathname) ? '' : ' +select'; // before anything else in another database
  const fix = `ACL SETUSER ${user} reset on >PASSWORD '~${reportPattern(prefix)}' +xadd${select}`;
  // A ready check asks for more than this user may do.
  const reporter = new Redis(url, { ...onceOptions(), enableReadyCheck: false });
  let reason: string | null = null;
  reporter.on('error', (error: Error) => (reason ??= messageOf(error)));
  try {
    await reporter.connect();
    return [
      await checkPlace(client, reporter, prefix, fix),
      await checkLimits(client, reporter, { prefix, user, fix }),
    ];
  } catch (error) {
    const message = `${VARIABLE}, ${user} at ${host}: ${reason ?? messageOf(error)}`;
    if (/WRONGPASS|NOAUTH|ERR AUTH/.test(message)) return [{ check: 'eventbus', status: 'failed', message, fix }];
    const look = `Look whether ${VARIABLE} leads to Redis; from here its user could not be looked at.`;
    return [{ check: 'eventbus', status: 'warning', message, fix: look }];
  } finally {
    await endConnection(reporter);
  }
}

/** Where the user adds to must be where the servers read. */
async function checkPlace(client: Redis, reporter: Redis, prefix: string, fix: string): Promise<RedisFinding> {
  const stream = `${reportPrefix(prefix)}doctor:${randomUUID()}`;
  const check = 'eventbus';
  await client.xadd(stream, '*', 'name', 'doctor');
  await client.expire(stream, PROBE_SECONDS);
  try {
    const id: unknown = await reporter.call('XADD', stream, 'NOMKSTREAM', 'MINID', '~', '0', '*', 'name', 'doctor');
    return id === null
      ? {
          check,
          status: 'failed',
          message: `${VARIABLE} leads to another Redis than MILLRACE_REDIS_URL, or to another database of it`,
          fix: 'Let both lead to the same one.',
        }
      : { check, status: 'ok', message: 'workers can add reports', fix: null };
  } catch (error) {
    if (reporter.status !== 'ready') throw error;
    return { check, status: 'failed', message: `workers cannot add reports: ${messageOf(error)}`, fix };
  } finally {
    await client.unlink(stream);
  }
}

/** By the rules of the user, where Redis tells them; otherwise by trying what is worst, which shows less. */
async function checkLimits(
  client: Redis,
  reporter: Redis,
  { prefix, user, fix }: { prefix: string; user: string; fix: string },
): Promise<RedisFinding> {
  const check = 'eventbus-rights';
  const rules = await rulesOf(client, user);
  const excess = rules ? excessRules(rules, prefix) : await triedExcess(reporter, prefix);
  if (excess.length > 0) {
    return {
      check,
      status: 'failed',
      message: `${user}, whom workers are told, may do more: ${excess.join(', ')}`,
      fix,
    };
  }
  return rules
    ? { check, status: 'ok', message: `${user} may add reports and nothing else`, fix: null }
    : {
        check,
        status: 'warning',
        message: `${user} may do nothing else that was tried; Redis does not tell the servers' own user all that he may`,
        fix: `Let the servers' own user ACL GETUSER, or see to it yourself: ${fix}`,
      };
}

/** Null where the servers' own user may not ask. */
async function rulesOf(client: Redis, user: string): Promise<unknown[] | null> {
  try {
    return (await client.call('ACL', 'GETUSER', user)) as unknown[] | null;
  } catch (error) {
    if (client.status !== 'ready') throw error;
    return null;
  }
}

async function triedExcess(reporter: Redis, prefix: string): Promise<string[]> {
  const own = `${reportPrefix(prefix)}doctor`;
  const acts: [what: string, act: Act][] = [
    ['XADD to other keys of this deployment', ['XADD', `${prefix}:doctor`, 'NOMKSTREAM', '*', 'a', 'b']],
    ['XADD to any key', ['XADD', `doctor:${randomUUID()}`, 'NOMKSTREAM', '*', 'a', 'b']],
    ['XRANGE', ['XRANGE', own, '-', '+', 'COUNT', '1']],
    ['XREAD', ['XREAD', 'COUNT', '1', 'STREAMS', own, '0']],
    ['XTRIM', ['XTRIM', own, 'MAXLEN', '1000000000']],
    ['XDEL', ['XDEL', own, '0-1']],
    ['XGROUP', ['XGROUP', 'DESTROY', own, 'doctor']],
    ['GET', ['GET', own]],
    ['SET', ['SET', own, '', 'XX']],
    ['DEL', ['DEL', own]],
    ['UNLINK', ['UNLINK', own]],
    ['SCAN', ['SCAN', '0', 'COUNT', '1']],
    ['KEYS', ['KEYS', own]],
    ['PUBLISH', ['PUBLISH', `${prefix}:doctor`, '']],
    ['EVAL', ['EVAL', 'return 1', '0']],
    ['CONFIG', ['CONFIG', 'GET', 'maxmemory-policy']],
    ['FLUSHALL', ['FLUSHALL', 'doctor']], // there is no such way to flush
    // Last, because after it a connection can do nothing else.
    ['SUBSCRIBE', ['SUBSCRIBE', `${prefix}:doctor`]],
  ];
  const allowed: string[] = [];
  for (const [what, act] of acts) {
    // Whatever else Redis says, it would let him do it some other time.
    if (!(await refusalOf(reporter, act))?.startsWith('NOPERM')) allowed.push(what);
  }
  return allowed;
}
