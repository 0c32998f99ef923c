/** Looks at the services that the processes of a deployment share, from this machine. */
import { examineRedis } from '../../adapters/distributed/examine-redis.js';
import { checkBucket } from '../../adapters/distributed/s3/check-bucket.js';
import { S3BlobStore } from '../../adapters/distributed/s3/s3-blob-store.js';
import { ForeignBucket } from '../../adapters/distributed/s3/s3-errors.js';
import type { AppConfig, ServicesConfig } from '../../config/app-config.js';
import { DATABASE_FIX, databaseTls, describeDatabaseUrl } from '../../config/database-url.js';
import { describeS3Url, parseS3Url } from '../../config/s3-url.js';
import { SystemClock } from '../../kernel/clock.js';
import { messageOf, MillraceError } from '../../kernel/errors.js';
import { SecretSealer } from '../../kernel/secret-sealer.js';
import { SECRET_CANARY } from '../../modules/access/secret-canary.js';
import { SILENT_MS } from '../../modules/instances/instance-policy.js';
import { MysqlInspection } from '../../store/mysql/mysql-inspection.js';
import { counted } from '../figures.js';
import { checkDatabaseServer, checkEncryption, checkRights, checkSkew } from './check-database.js';
import { checkServer } from './check-server.js';
import { checkBlobs, checkSchema } from './check-store.js';
import { checkUpstreams } from './check-upstreams.js';
import { failed, ok, warning, type Finding } from './finding.js';

/** Everything that was looked at, in the order of looking. What depends on something broken is left out. */
export async function examineDeployment(
  config: AppConfig,
  services: ServicesConfig,
  isDeep: boolean,
): Promise<Finding[]> {
  const blobs = new S3BlobStore({
    location: parseS3Url(services.s3Url),
    clock: new SystemClock(),
    log: { onRefused: () => {}, onLeftBehind: () => {} }, // each finding says it
  });
  try {
    return [
      await checkServer(config, null),
      ...(await examineDatabase(config, services, blobs, isDeep)),
      ...(await examineRedisOf(services)),
      ok('bucket', describeS3Url(parseS3Url(services.s3Url))),
      ...(await checkBucket(blobs)),
    ];
  } finally {
    await blobs.close();
  }
}

/** @param isDeep whether the bucket is compared with the rows */
async function examineDatabase(
  config: AppConfig,
  { databaseUrl }: ServicesConfig,
  blobs: S3BlobStore,
  isDeep: boolean,
): Promise<Finding[]> {
  const { host, pathname } = new URL(databaseUrl);
  let inspection: MysqlInspection | null = null;
  try {
    inspection = await MysqlInspection.open(databaseUrl);
    const variables = await inspection.variables();
    const findings = [ok('database', `answers at ${host}`), ...checkDatabaseServer(variables)];
    findings.push(checkEncryption(await inspection.tlsVersion(), databaseTls(databaseUrl)?.isVerified ?? false));
    const askedAt = Date.now();
    const theirs = await inspection.now();
    findings.push(checkSkew('database clock', 'the database', theirs - (askedAt + Date.now()) / 2));
    findings.push(await checkRights(inspection, pathname.slice(1)));
    const schema = await checkSchema(inspection, 'millrace migrate');
    findings.push(schema);
    if (schema.status !== 'ok') return [...findings, ...(await checkUpstreams(config, null))]; // its tables may be others
    findings.push(await checkSecret(config, inspection), await checkInstances(inspection, theirs));
    findings.push(...(await checkOwner(inspection, blobs)));
    if (isDeep) findings.push(await checkBlobs(inspection, async (key) => (await blobs.stat(key))?.bytes ?? null));
    return [...findings, ...(await checkUpstreams(config, inspection))];
  } catch (error) {
    const reason = messageOf(error instanceof MillraceError ? (error.cause ?? error) : error);
    return [
      failed('database', `${describeDatabaseUrl(databaseUrl)}: ${reason}`, DATABASE_FIX),
      ...(await checkUpstreams(config, null)),
    ];
  } finally {
    await inspection?.close();
  }
}

async function checkSecret({ secret }: AppConfig, inspection: MysqlInspection): Promise<Finding> {
  const check = 'secret';
  const canary = await inspection.setting(SECRET_CANARY);
  if (canary === null) return ok(check, 'nothing is sealed with one yet');
  try {
    new SecretSealer(secret!).open(canary);
    return ok(check, 'MILLRACE_SECRET is that of the deployment');
  } catch (error) {
    return failed(check, messageOf(error), 'set MILLRACE_SECRET to the same value for every process');
  }
}

/** Nothing when it cannot be told, which the looks at the bucket say. */
async function checkOwner({ deployment }: MysqlInspection, blobs: S3BlobStore): Promise<Finding[]> {
  const check = 'bucket owner';
  try {
    const found = await blobs.claimFor(deployment).look();
    const isOurs = found === 'ours';
    return [ok(check, isOurs ? 'it goes with this database' : 'nobody yet; the first process that starts takes it')];
  } catch (error) {
    if (error instanceof ForeignBucket) return [failed(check, error.message, error.fix)];
    if (error instanceof MillraceError) return [];
    throw error;
  }
}

async function checkInstances(inspection: MysqlInspection, now: number): Promise<Finding> {
  const living = await inspection.livingInstances(now - SILENT_MS);
  const said = living.map(({ role, host, pid }) => `${role} ${host.split(' ', 1)[0]}:${pid}`).join(', ');
  const works = living.some(({ role }) => role !== 'api');
  if (living.length > 0 && !works)
    return warning('processes', `${said}: nobody does the work`, 'start a process with MILLRACE_ROLE=engine');
  return ok(
    'processes',
    living.length === 0 ? 'none runs' : `${counted(living.length, 'process', 'processes')}: ${said}`,
  );
}

async function examineRedisOf({ redisUrl, databaseUrl, eventbusUrl }: ServicesConfig): Promise<Finding[]> {
  const { host, pathname } = new URL(redisUrl);
  const report = await examineRedis(redisUrl, new URL(databaseUrl).pathname.slice(1), eventbusUrl);
  if (!report.isReachable) {
    const fix = 'look whether it runs, and whether MILLRACE_REDIS_URL names the right host, password and database';
    return [failed('redis', `${host}${pathname}: ${report.reason}`, fix)];
  }
  return [
    ok('redis', `answers at ${host}`),
    ...report.findings,
    ...(report.aheadMs === null ? [] : [checkSkew('redis-clock', 'Redis', report.aheadMs)]),
  ];
}
