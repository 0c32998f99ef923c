/** The database server of distributed mode: which one it is, and whether its settings keep our promises. Pure but for `checkRights`. */
import { MYSQL_CONNECTIONS } from '../../store/mysql/mysql-database.js';
import type { MysqlInspection, ServerVariables } from '../../store/mysql/mysql-inspection.js';
import { messageOf } from '../../kernel/errors.js';
import { counted, showBytes, showSpan } from '../figures.js';
import { failed, ok, warning, type Finding } from './finding.js';

/** The first ones that know SKIP LOCKED and the rest of our SQL. */
const OLDEST = { MariaDB: [10, 6, 0], MySQL: [8, 0, 19] } as const;
/** Two of each role is the least that survives the loss of one. */
const USUAL_PROCESSES = 4;
/** A statement of ours has 4 MiB, and more only where one text alone is longer. */
const LEAST_PACKET_BYTES = 16 * 1024 * 1024;
const SKEW_WARN_MS = 2_000;
const SKEW_FAIL_MS = 60_000;
const SLOW_COMMIT_MS = 200;
/** MySQL refuses writes in READ COMMITTED while its log holds statements. */
const STATEMENT_LOG = 1665;
const DENIED = new Set([1044, 1142, 1143, 1227, 1370]);
const NTP = 'set the clocks, and keep them set with NTP (timedatectl set-ntp true)';

export function checkDatabaseServer(variables: ServerVariables): Finding[] {
  return [
    checkVersion(variables),
    checkSingleWriter(variables),
    checkDurability(variables),
    checkConnections(variables),
    checkPacket(variables),
  ];
}

function checkVersion({ version = '', version_comment = '' }: ServerVariables): Finding {
  const flavour = /mariadb/i.test(`${version} ${version_comment}`) ? 'MariaDB' : 'MySQL';
  // MariaDB hides its number behind that of a MySQL from replicas of old: 5.5.5-10.11.2-MariaDB.
  const numbers =
    /(\d+)\.(\d+)\.(\d+)/
      .exec(version.replace(/^5\.5\.5-/, ''))
      ?.slice(1)
      .map(Number) ?? [];
  const oldest = OLDEST[flavour];
  const message = `${flavour} ${numbers.join('.')}`;
  if (compare(numbers, oldest) >= 0) return ok('database version', message);
  const fix = `use ${flavour} ${oldest.join('.')} or newer`;
  return failed('database version', `${message} is too old`, fix);
}

function compare(numbers: readonly number[], others: readonly number[]): number {
  const at = others.findIndex((other, place) => (numbers[place] ?? 0) !== other);
  return at < 0 ? 0 : (numbers[at] ?? 0) - others[at]!;
}

/** Two writers that learn of each other's rows at commit only cannot lock a lane against each other. */
function checkSingleWriter(variables: ServerVariables): Finding {
  const check = 'database writers';
  const fix = 'point MILLRACE_DATABASE_URL to a single primary; replicas of it that only read are fine';
  if (variables.wsrep_on === 'ON')
    return failed(check, 'this is a Galera cluster with several writers, which is not supported', fix);
  const inGroup = (variables.group_replication_group_name ?? '') !== '';
  if (inGroup && variables.group_replication_single_primary_mode === 'OFF')
    return failed(check, 'this is a group with several primaries, which is not supported', fix);
  if (variables.read_only === 'ON' || variables.super_read_only === 'ON')
    return failed(check, 'it is read-only, so probably a replica', 'point MILLRACE_DATABASE_URL to the primary');
  return ok(check, 'a single primary');
}

function checkDurability({ innodb_flush_log_at_trx_commit: flush = '1' }: ServerVariables): Finding {
  const check = 'database durability';
  if (flush === '1') return ok(check, 'a commit is on the disk when it is answered');
  const message = `a crash may lose the last second of what was answered (innodb_flush_log_at_trx_commit is ${flush})`;
  return warning(check, message, 'set innodb_flush_log_at_trx_commit to 1');
}

function checkConnections(variables: ServerVariables): Finding {
  const check = 'database connections';
  const [all, own] = [Number(variables.max_connections), Number(variables.max_user_connections ?? 0)];
  const most = own > 0 ? Math.min(all, own) : all;
  const processes = Math.floor(most / MYSQL_CONNECTIONS);
  const message = `${most} at once, enough for ${counted(processes, 'process', 'processes')} of Millrace`;
  const fix = `set max_connections to ${MYSQL_CONNECTIONS} for each process, and some for others`;
  if (processes < 1) return failed(check, message, fix);
  return processes < USUAL_PROCESSES ? warning(check, message, fix) : ok(check, message);
}

function checkPacket({ max_allowed_packet: packet }: ServerVariables): Finding {
  const check = 'database packet';
  const message = `a statement may have ${showBytes(Number(packet))} (max_allowed_packet)`;
  const fix = 'set max_allowed_packet to 64M; results that are longer cannot be stored';
  return Number(packet) < LEAST_PACKET_BYTES ? failed(check, message, fix) : ok(check, message);
}

/** @param version of TLS; null: the connection is not encrypted */
export function checkEncryption(version: string | null, isVerified: boolean): Finding {
  const check = 'database encryption';
  if (version === null) return ok(check, 'none; `?tls=on` in MILLRACE_DATABASE_URL would encrypt the connection');
  const vouched = isVerified ? 'the certificate of the server was verified' : 'nobody verified the certificate';
  return ok(check, `${version}, and ${vouched}`);
}

/** @param aheadMs how far the clock of the service is ahead of ours */
export function checkSkew(check: string, name: string, aheadMs: number): Finding {
  const skew = Math.abs(aheadMs);
  if (skew <= SKEW_WARN_MS) return ok(check, `this machine and ${name} show the same time`);
  const message = `this machine is ${showSpan(skew)} ${aheadMs > 0 ? 'behind' : 'ahead of'} ${name}`;
  return skew > SKEW_FAIL_MS ? failed(check, message, NTP) : warning(check, message, NTP);
}

/** Whether this user may do what a server does, and in READ COMMITTED. Makes a table of its own and drops it. */
export async function checkRights(inspection: MysqlInspection, database: string): Promise<Finding> {
  const check = 'database rights';
  try {
    const tookMs = await inspection.tryAll();
    const message = `tables can be made and changed, in READ COMMITTED; a commit took ${tookMs.toFixed(1)} ms`;
    if (tookMs <= SLOW_COMMIT_MS) return ok(check, message);
    return warning(check, message, 'the disk of the database is slow or busy, or it is far away');
  } catch (error) {
    return failed(check, messageOf(error), fixOfRefusal(error, database));
  }
}

function fixOfRefusal(error: unknown, database: string): string {
  const { errno = 0 } = (error as { driverError?: { errno?: number } }).driverError ?? {};
  if (errno === STATEMENT_LOG) return 'set binlog_format to ROW: with STATEMENT there is no READ COMMITTED';
  if (DENIED.has(errno)) return `GRANT ALL ON \`${database}\`.* TO the user of MILLRACE_DATABASE_URL`;
  return 'look at the log of the database server: is its disk full, or is it a replica?';
}
