import type { Redis } from 'ioredis';
import { messageOf } from '../../kernel/errors.js';
import type { RedisFinding } from './check-redis.js';
import { refusalOf, type Act } from './redis-act.js';
import { endConnection, onceOptions } from './redis-link.js';

/** Long enough for all tries; where the user may not delete it, what they leave is gone then. */
const PROBE_MS = 10_000;
/** Refused commands that are named. */
const MAX_NAMED = 5;
/** Whatever else Redis says of an act, it would do it some other time. */
const FORBIDDEN = /^(EXECABORT .*: )?(NOPERM|ERR unknown command)/;

/**
 * Looks whether the servers' own user may do all that a server does, by doing it: Redis looks at rights before all else, so
 * each act that could change something meets a text where it wants something else, and changes nothing.
 *
 * @param hasReports whether workers report over Redis, for which streams are read
 */
export async function checkRights(client: Redis, prefix: string, hasReports: boolean): Promise<RedisFinding> {
  const key = `${prefix}:doctor`;
  const acts = [...actsOn(key), ...(hasReports ? streamActsOn(key) : [])];
  const { db = 0 } = client.options;
  const refused = await refusedOf(client, [
    ...(db === 0 ? [] : [['SELECT', String(db)] as const]),
    ...acts,
    ['DEL', key],
    ['PUBLISH', key, ''],
    ['EXEC'], // of nothing, which is refused for that alone
    ['MULTI'],
  ]);
  // On a connection of its own, which can do nothing else after it.
  refused.push(...(await refusedOf(client, [['SUBSCRIBE', key]])));
  if (refused.length === 0)
    return { check: 'redis-rights', status: 'ok', message: 'all that servers do is allowed', fix: null };
  const named = refused.slice(0, MAX_NAMED).join(', ');
  const others = refused.length - MAX_NAMED;
  return {
    check: 'redis-rights',
    status: 'failed',
    message: `the user of MILLRACE_REDIS_URL may not ${named}${others > 0 ? ` and ${others} more` : ''}`,
    fix: 'Let this user do everything with keys and channels {millrace*',
  };
}

/** Tells whether there is room in Redis for calls and permits. */
export async function checkRoom(client: Redis, prefix: string): Promise<RedisFinding> {
  const check = 'redis-memory';
  const key = `${prefix}:doctor`;
  try {
    await client.set(key, '', 'PX', PROBE_MS);
    await client.del(key);
    return { check, status: 'ok', message: 'Redis has room', fix: null };
  } catch (error) {
    const message = messageOf(error);
    if (!message.startsWith('OOM')) throw error;
    return {
      check,
      status: 'failed',
      message: `Redis is full: ${message}`,
      fix: 'Give it more memory (maxmemory), or look who fills it; a deployment needs a few megabytes.',
    };
  }
}

/** What servers, their scripts and those of Bull do. The first makes a text of the key. */
function actsOn(key: string): Act[] {
  return [
    ['SET', key, '', 'PX', String(PROBE_MS)],
    ...['GET', 'EXISTS', 'INCR', 'HGETALL', 'LLEN', 'LPOP', 'RPOP', 'SMEMBERS'].map(
      (command) => [command, key] as const,
    ),
    ['PEXPIRE', key, String(PROBE_MS)],
    ['HGET', key, 'a'],
    ['HMGET', key, 'a'],
    ['HSET', key, 'a', 'b'],
    ['HMSET', key, 'a', 'b'],
    ['HDEL', key, 'a'],
    ['HINCRBY', key, 'a', '1'],
    ['LINDEX', key, '0'],
    ['LRANGE', key, '0', '0'],
    ['LPUSH', key, 'a'],
    ['RPUSH', key, 'a'],
    ['LREM', key, '1', 'a'],
    ['LSET', key, '0', 'a'],
    ['LTRIM', key, '0', '-1'],
    ['LINSERT', key, 'BEFORE', 'a', 'b'],
    ['RPOPLPUSH', key, key],
    ['BRPOPLPUSH', key, key, '1'],
    ['SADD', key, 'a'],
    ['SREM', key, 'a'],
    ['ZADD', key, '1', 'a'],
    ['ZREM', key, 'a'],
    ['ZRANGE', key, '0', '0'],
    ['ZRANGEBYSCORE', key, '0', '0'],
    ['ZCOUNT', key, '0', '0'],
    ['TIME'],
    ['INFO', 'server'],
    ['EVAL', 'return 1', '0'],
    ['EVALSHA', '0'.repeat(40), '0'],
  ];
}

function streamActsOn(key: string): Act[] {
  return [
    ['XADD', key, 'NOMKSTREAM', '*', 'a', 'b'],
    ['XLEN', key],
    ['XRANGE', key, '-', '+', 'COUNT', '1'],
    ['XDEL', key, '0-1'],
    ['XTRIM', key, 'MAXLEN', '1'],
    ['MEMORY', 'USAGE', key],
    ['EXPIRE', key, '10'],
    ['SCAN', '0', 'COUNT', '1'],
    ['UNLINK', key],
  ];
}

/** Nothing is tried any more where the text cannot be made: other acts would change something then. */
async function refusedOf(client: Redis, acts: readonly Act[]): Promise<string[]> {
  const probe = client.duplicate({ ...onceOptions(), enableReadyCheck: false, enableOfflineQueue: true });
  probe.on('error', () => {}); // whoever waits for it is told
  try {
    await probe.connect();
    const refused: string[] = [];
    for (const act of acts) {
      if (!FORBIDDEN.test((await refusalOf(probe, act)) ?? '')) continue;
      refused.push(act[0]);
      if (act[0] === 'SET') break;
    }
    return refused;
  } finally {
    await endConnection(probe);
  }
}
