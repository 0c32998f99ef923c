import type { Redis } from 'ioredis';
import { messageOf } from '../../kernel/errors.js';

/** A command as it is tried, to see what a user may do. */
export type Act = readonly [command: string, ...args: string[]];

/** What Redis says against an act; null when it does it. Rejects when the connection is lost, which says nothing of the act. */
export async function refusalOf(redis: Redis, [command, ...args]: Act): Promise<string | null> {
  try {
    await redis.call(command.toLowerCase(), ...args); // ioredis knows SUBSCRIBE in small letters only
    return null;
  } catch (error) {
    if (redis.status !== 'ready') throw error;
    return messageOf(error);
  }
}
