import type { QueryRunner } from 'typeorm';
import type { Locks } from '../procedure.js';

/** The row that whoever does a rare act writes; no writer has this name. */
const RARE_ACTS = `INSERT INTO commit_mark (writer, mark) VALUES ('rare acts', 0) ON DUPLICATE KEY UPDATE mark = 0`;

/** Row locks, which end with the transaction. */
export class MysqlLocks implements Locks {
  constructor(private readonly runner: Pick<QueryRunner, 'query'>) {}

  async rareActs(): Promise<void> {
    await this.runner.query(RARE_ACTS);
  }

  async lanes(seqs: readonly number[]): Promise<void> {
    if (seqs.length === 0) return;
    const wanted = new Set(seqs);
    const limited = (await this.runner.query(
      `SELECT DISTINCT other.seq FROM lane STRAIGHT_JOIN queue ON queue.seq = lane.queue_seq
      STRAIGHT_JOIN lane AS other ON other.queue_seq = queue.seq
      WHERE lane.seq IN (${listOf(wanted)}) AND (queue.max_concurrency IS NOT NULL OR queue.max_depth IS NOT NULL)`,
    )) as { seq: number }[];
    for (const { seq } of limited) wanted.add(seq);
    // By the primary key, so that they are locked in its order and no others with them.
    await this.runner.query(
      `SELECT seq FROM lane FORCE INDEX (PRIMARY) WHERE seq IN (${listOf(wanted)}) ORDER BY seq FOR UPDATE`,
    );
  }

  async row(table: 'tenant' | 'batch' | 'callback', seq: number): Promise<void> {
    await this.runner.query(`SELECT seq FROM ${table} WHERE seq = ${seq} FOR UPDATE`);
  }
}

function listOf(seqs: ReadonlySet<number>): string {
  return [...seqs].join(', ');
}
