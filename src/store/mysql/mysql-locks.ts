import type { Locks, Read } from '../procedure.js';
import type { MysqlSender } from './mysql-sender.js';

/** The row that whoever does a rare act writes; no writer has this name. */
const RARE_ACTS = `INSERT INTO commit_mark (writer, mark) VALUES ('rare acts', 0) ON DUPLICATE KEY UPDATE mark = 0`;
/** More than there are lanes; an order without a limit is none inside another statement. */
const ALL = 1_000_000;

/** What of a transaction follows its locks. */
export interface LockedTx {
  /** Lets it know its time, which is asked for last, so that it is not old when it comes. */
  tellTime: () => Promise<void>;
  readAhead: (read: Read) => void;
}

/** Row locks, which end with the transaction. */
export class MysqlLocks implements Locks {
  private readonly asked: Promise<unknown>[] = [];

  constructor(
    private readonly sender: MysqlSender,
    private readonly tx: LockedTx,
  ) {}

  rareActs(): void {
    this.note(this.sender.send(RARE_ACTS));
  }

  /**
   * By the primary key, so that they are locked in its order and no others with them. Which lanes share a limit with them is
   * only read.
   */
  lanes(seqs: readonly number[]): void {
    if (seqs.length === 0) return;
    this.note(
      this.sender.send(
        `SELECT lane.seq FROM (
          SELECT DISTINCT other.seq FROM lane FORCE INDEX (PRIMARY) STRAIGHT_JOIN queue ON queue.seq = lane.queue_seq
          STRAIGHT_JOIN lane AS other ON other.queue_seq = queue.seq
            AND (other.seq = lane.seq OR queue.max_concurrency IS NOT NULL OR queue.max_depth IS NOT NULL)
          WHERE lane.seq IN (${[...new Set(seqs)].join(', ')}) ORDER BY seq LIMIT ${ALL}
        ) AS wanted STRAIGHT_JOIN lane FORCE INDEX (PRIMARY) ON lane.seq = wanted.seq FOR UPDATE /*!80000 OF lane */`,
      ),
    );
  }

  readAhead(read: Read): void {
    this.tx.readAhead(read);
  }

  async held(): Promise<void> {
    await Promise.all([...this.asked, this.tx.tellTime()]);
  }

  async row(table: 'tenant' | 'batch' | 'callback', seq: number): Promise<void> {
    await this.sender.send(`SELECT seq FROM ${table} WHERE seq = ${seq} FOR UPDATE`);
  }

  private note(asked: Promise<unknown>): void {
    asked.catch(() => {}); // `held` tells it, if anybody still asks
    this.asked.push(asked);
  }
}
