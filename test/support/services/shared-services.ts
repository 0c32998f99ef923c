/** The services of distributed mode, started once for all specs of a vitest project, on free ports of loopback. */
import type { TestProject } from 'vitest/node';
import buildServer from '../global-setup.js';
import { startMariadb } from './mariadb.js';
import { RedisService } from './redis.js';
import { S3Service } from './s3.js';

/** Where they are; each place takes a database and prefixes of its own in them. */
export interface SharedServices {
  databaseUrl: string;
  redisUrl: string;
  s3Url: string;
}

declare module 'vitest' {
  interface ProvidedContext {
    /** Not there in projects that test embedded mode. */
    services?: SharedServices;
  }
}

export default async function startServices(project: TestProject): Promise<() => Promise<void>> {
  buildServer();
  const started = await Promise.all([startMariadb(), RedisService.start(), S3Service.start(1_000)]);
  const [{ url: databaseUrl }, { url: redisUrl }, { url: s3Url }] = started;
  project.provide('services', { databaseUrl, redisUrl, s3Url });
  return async () => {
    await Promise.all(started.map((service) => service.stop()));
  };
}
