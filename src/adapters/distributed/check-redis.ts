import type { Redis } from 'ioredis';
import { refusalOf } from './redis-act.js';

/** The first one whose scripts, blocking moves and lists do all that is used here. */
const MIN_VERSION = [6, 2] as const;

/** What one look at Redis has shown; of the shape of the doctor's findings. */
export interface RedisFinding {
  check:
    | 'redis-database'
    | 'redis-version'
    | 'redis-eviction'
    | 'redis-rights'
    | 'redis-memory'
    | 'eventbus'
    | 'eventbus-rights';
  status: 'ok' | 'warning' | 'failed';
  message: string;
  /** What to do about it; null when nothing is to be done. */
  fix: string | null;
}

/**
 * Looks whether this Redis may carry a deployment. Rejects when it cannot be asked. All is read from INFO, because hosted
 * Redis often forbids CONFIG.
 *
 * Whether it saves anything to a disk is not looked at: Redis holds no truth here, and one that comes back empty is filled
 * anew within seconds. One that evicts keys is refused, because it would forget single permits and calls all the time.
 */
export async function checkRedis(client: Redis): Promise<RedisFinding[]> {
  const info = await client.info();
  const field = (name: string): string => new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1] ?? 'unknown';
  return [
    ...(await checkDatabase(client)),
    checkVersion(field('redis_version')),
    checkEviction(field('maxmemory_policy')),
  ];
}

/** Nothing when it is there. When it is not, the client goes on in database 0 without a word, among the keys of others. */
async function checkDatabase(client: Redis): Promise<RedisFinding[]> {
  const { db = 0 } = client.options;
  if (db === 0) return [];
  const refusal = await refusalOf(client, ['SELECT', String(db)]);
  if (refusal === null) return [];
  return [
    {
      check: 'redis-database',
      status: 'failed',
      message: `there is no database ${db} in it (${refusal})`,
      fix: 'End MILLRACE_REDIS_URL in a smaller `/number`, or set `databases` of Redis to more.',
    },
  ];
}

function checkVersion(version: string): RedisFinding {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const isNewEnough = major > MIN_VERSION[0] || (major === MIN_VERSION[0] && minor >= MIN_VERSION[1]);
  const wanted = MIN_VERSION.join('.');
  return isNewEnough
    ? { check: 'redis-version', status: 'ok', message: `Redis ${version}`, fix: null }
    : {
        check: 'redis-version',
        status: 'failed',
        message: `Redis ${version} is too old`,
        fix: `Use Redis ${wanted} or newer.`,
      };
}

function checkEviction(policy: string): RedisFinding {
  return policy === 'noeviction'
    ? { check: 'redis-eviction', status: 'ok', message: 'Redis evicts nothing', fix: null }
    : {
        check: 'redis-eviction',
        status: 'failed',
        message: `Redis evicts keys when its memory is full (maxmemory-policy ${policy}), and with them permits and calls`,
        fix: 'Set maxmemory-policy to noeviction.',
      };
}
