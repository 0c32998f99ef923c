/**
 * What a dead server left in its place: rows and blobs, and whether they agree with each other.
 */
import { createHash } from 'node:crypto';
import type { Place, StoredRows } from './place.js';

/** Must hold after every commit: queries that find what does not, and words for it. */
const INVARIANTS: readonly (readonly [words: string, sql: string])[] = [
  [
    'a batch counts lines that are not there, or does not count some that are',
    `SELECT id, ingested FROM batch
     WHERE ingested <> (SELECT COUNT(*) FROM task WHERE batch_seq = batch.seq)`,
  ],
  [
    'a batch counts other lines as completed than those with a good answer',
    `SELECT id, completed FROM batch WHERE completed <>
       (SELECT COUNT(*) FROM task WHERE batch_seq = batch.seq AND state = 3 AND status_code < 400)`,
  ],
  [
    'a batch counts other lines as failed than those that failed',
    `SELECT id, failed FROM batch WHERE failed <>
       (SELECT COUNT(*) FROM task WHERE batch_seq = batch.seq AND (state = 4 OR (state = 3 AND status_code >= 400)))`,
  ],
  [
    'a batch has ended, but some of its lines have not',
    `SELECT id, state FROM batch WHERE state IN ('completed', 'expired', 'cancelled')
       AND EXISTS (SELECT 1 FROM task WHERE batch_seq = batch.seq AND state < 3)`,
  ],
  [
    'a result without an ended task, or an ended task without its result',
    // A line that was stopped has none; a single task has one that says why.
    `SELECT task.seq, task.state, task_seq FROM task LEFT JOIN task_result ON task_seq = task.seq
     WHERE (task.state IN (3, 4) OR (task.state > 4 AND batch_seq IS NULL)) <> (task_seq IS NOT NULL)
     UNION ALL
     SELECT NULL, NULL, task_seq FROM task_result WHERE NOT EXISTS (SELECT 1 FROM task WHERE task.seq = task_seq)`,
  ],
  [
    'a lane counts other tasks than it has',
    // A redriven task counts again; of one that was dropped, and is not there any more, only the counts tell.
    `WITH redrive (lane_seq) AS
       (SELECT lane_seq FROM audit_entry JOIN task ON task.id = subject WHERE action = 'task.redrive'),
     counted AS (SELECT *, (SELECT COUNT(*) FROM redrive WHERE lane_seq = lane.seq) AS redriven,
       (SELECT COALESCE(SUM(epoch), 0) FROM task WHERE lane_seq = lane.seq) AS taken,
       (SELECT COUNT(*) FROM task WHERE lane_seq = lane.seq) AS present FROM lane)
     SELECT seq FROM counted AS lane
     WHERE put_count < present + redriven
       OR taken_count - taken NOT BETWEEN put_count - present - redriven
         AND CASE put_count WHEN present + redriven THEN 0 ELSE taken_count END
       OR completed_count <> (SELECT COUNT(*) FROM task WHERE lane_seq = lane.seq AND state = 3)
       OR failed_count <> (SELECT COUNT(*) FROM task WHERE lane_seq = lane.seq AND state = 4) + put_count - present
       OR expired_count <> (SELECT COUNT(*) FROM task WHERE lane_seq = lane.seq AND state = 5)
       OR cancelled_count <> (SELECT COUNT(*) FROM task WHERE lane_seq = lane.seq AND state = 6)`,
  ],
  [
    'the lanes count other tasks than were put, redriven and dropped',
    `SELECT SUM(put_count) AS counted FROM lane HAVING counted <> (SELECT COUNT(*) FROM task)
       + (SELECT COUNT(*) FROM audit_entry WHERE action IN ('task.redrive', 'task.drop'))`,
  ],
  [
    'a lease without a holder, or a holder without a lease',
    // Leases of workers say how they end, whether the worker has a name or not.
    `SELECT seq, state, owner_seq FROM task WHERE state < 3
       AND ((state = 2 AND owner_seq IS NULL AND lease_end IS NULL) OR (state < 2 AND owner_seq IS NOT NULL))`,
  ],
  [
    'a task counts other losses than were noted',
    // Of a lease that a worker lost there is a note too, but it counts as a try.
    `SELECT seq FROM task WHERE losses <>
       (SELECT COUNT(*) FROM attempt WHERE task_seq = task.seq AND outcome = 'lost' AND owner_seq IS NOT NULL)`,
  ],
  ['a task was tried more often than it was leased', 'SELECT seq FROM task WHERE tries + losses > epoch'],
];

interface PromisedBlob {
  blobKey: string;
  bytes: number | null;
  sha256: string | null;
}

/** Blobs that a row promises, with what is known of them. */
const PROMISED = [
  `SELECT "blob"."key" AS blobKey, bytes, sha256 FROM "blob"
   WHERE EXISTS (SELECT 1 FROM file WHERE blob_seq = "blob".seq AND deleted_at IS NULL)`,
  `SELECT COALESCE("blob"."key", batch.id) AS blobKey, "blob".bytes, sha256 FROM batch LEFT JOIN "blob" ON input_blob_seq = "blob".seq
   WHERE batch.state IN ('validating', 'in_progress', 'finalizing', 'cancelling')`,
  `SELECT blob_key AS blobKey, NULL AS bytes, NULL AS sha256 FROM task_result WHERE blob_key IS NOT NULL`,
];

export class Remains {
  private constructor(
    private readonly stored: StoredRows,
    private readonly place: Place,
  ) {}

  /** Looks at what a server that does not run has left. */
  static examine<R>(place: Place, look: (remains: Remains) => R | Promise<R>): Promise<R> {
    return place.examine(async (stored) => look(new Remains(stored, place)));
  }

  rows<R>(sql: string): Promise<R[]> {
    return this.stored.rows<R>(sql);
  }

  /** The first column of the first row; null if there is none. The caller knows of what type. */
  async value<V extends string | number>(sql: string): Promise<V | null> {
    const [row] = await this.rows<Record<string, V | null>>(sql);
    return row === undefined ? null : (Object.values(row)[0] ?? null);
  }

  /** How often each line was running when its server died, by custom id. */
  losses(): Promise<Record<string, number>> {
    return this.attempts('lost');
  }

  /** How often each line was sent back by the upstream, or by the lack of it. */
  failures(): Promise<Record<string, number>> {
    return this.attempts('failed');
  }

  /** Everything that no server may leave behind, however it died; in words. */
  async problems(): Promise<string[]> {
    const problems = await this.stored.damage();
    for (const [words, sql] of INVARIANTS) {
      const found = await this.rows(sql);
      if (found.length > 0) problems.push(`${words}: ${JSON.stringify(found.slice(0, 5))}`);
    }
    return [...problems, ...(await this.brokenPromises())];
  }

  private async attempts(outcome: string): Promise<Record<string, number>> {
    const rows = await this.rows<{ customId: string; count: number }>(
      `SELECT custom_id AS customId, COUNT(*) AS count FROM attempt JOIN task ON task.seq = task_seq
       WHERE outcome = '${outcome}' GROUP BY task_seq, custom_id`,
    );
    return Object.fromEntries(rows.map(({ customId, count }) => [customId, count]));
  }

  private async brokenPromises(): Promise<string[]> {
    const present = new Set(await this.place.blobKeys());
    const problems: string[] = [];
    for (const row of await this.promised()) {
      const content = present.has(row.blobKey) ? await this.place.blob(row.blobKey) : null;
      if (content === null) problems.push(`the blob ${row.blobKey} is missing`);
      else if (row.bytes !== null && row.bytes !== content.length)
        problems.push(`the blob ${row.blobKey} is cut short`);
      else if (row.sha256 !== null && row.sha256 !== sha256(content))
        problems.push(`the blob ${row.blobKey} is damaged`);
    }
    return problems;
  }

  private async promised(): Promise<PromisedBlob[]> {
    const all: PromisedBlob[] = [];
    for (const sql of PROMISED) all.push(...(await this.rows<PromisedBlob>(sql)));
    return all;
  }
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
