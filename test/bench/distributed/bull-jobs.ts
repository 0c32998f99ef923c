/** Bull alone: as many jobs as a batch has lines, added and processed at once by an empty handler. */
import Bull from 'bull';
import type { RedisService } from '../../support/services/redis.js';
import { bodyOf } from '../batch-client.js';

/** Jobs of one `addBulk`. */
const PER_ADD = 500;

export interface BullLoad {
  jobs: number;
  inFlight: number;
  payloadBytes: number;
}

/** Jobs per second, from the first add to the last completion. */
export async function bullPerS(redis: RedisService, { jobs, inFlight, payloadBytes }: BullLoad): Promise<number> {
  const queue = new Bull('bench', redis.url, { defaultJobOptions: { removeOnComplete: true } });
  await queue.isReady();
  const startedAt = performance.now();
  const allDone = new Promise<void>((resolve, reject) => {
    let done = 0;
    queue.on('completed', () => {
      done += 1;
      if (done === jobs) resolve();
    });
    queue.process(inFlight, async () => null).catch(reject);
  });
  for (let added = 0; added < jobs; added += PER_ADD) {
    const size = Math.min(PER_ADD, jobs - added);
    await queue.addBulk(Array.from({ length: size }, (_, index) => ({ data: bodyOf(added + index, payloadBytes) })));
  }
  await allDone;
  const seconds = (performance.now() - startedAt) / 1000;
  await queue.close();
  return jobs / seconds;
}
