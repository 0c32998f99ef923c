/** Workers that pull over HTTP, as they name themselves: when they were here last, and for what. */
import type { Read, Tx } from '../procedure.js';
import { statement } from '../statement.js';
import type { WorkerNote } from './single-shapes.js';

interface KnownWorker {
  seq: number;
  lastSeenAt: number;
  lanes: string | null;
}

const SEEN = statement<{
  tenantSeq: number;
  name: string;
  capacity: number | null;
  lanes: string;
  now: number;
}>('worker-seen');
export const FIND_WORKER = statement<{ tenantSeq: number; name: string }, KnownWorker>('worker-find');

const ALIVE = statement<{ seqs: string; notedBefore: number; now: number }>('worker-alive');

/** One who is here all the time, and mostly for nothing, is noted this often: who polls must not make the store write each time. */
export const NOTE_EVERY_MS = 5_000;
/** What a worker has not asked for in so long it does not wait for any more. Longer than the longest poll. */
export const ASKED_MS = 120_000;

/** A worker who was here; `laneSeqs`: what he asked for. */
export interface Sighting {
  worker: WorkerNote | null;
  laneSeqs: readonly number[];
}

/** Instants (epoch ms) by the lane's seq. */
type AskedAt = Record<string, number>;

/** Notes that these workers were here, and returns their rows; null for callers that give no name. */
export async function seqOfWorkers(tx: Tx, sightings: readonly Sighting[]): Promise<(number | null)[]> {
  const workers = new Map<string, { note: WorkerNote; laneSeqs: Set<number>; seq: number }>();
  for (const { worker, laneSeqs } of sightings) {
    if (worker === null) continue;
    const known = workers.get(keyOf(worker)) ?? { note: worker, laneSeqs: new Set(), seq: 0 };
    for (const laneSeq of laneSeqs) known.laneSeqs.add(laneSeq);
    workers.set(keyOf(worker), known);
  }
  for (const each of workers.values()) each.seq = await seqOf(tx, each.note, each.laneSeqs);
  return sightings.map(({ worker }) => (worker === null ? null : workers.get(keyOf(worker))!.seq));
}

/** Notes that whoever holds these tasks is here, for holders who do not say who they are. */
export async function noteHolders(tx: Tx, taskSeqs: readonly number[]): Promise<void> {
  if (taskSeqs.length === 0) return;
  await tx.later(ALIVE, [{ seqs: JSON.stringify(taskSeqs), notedBefore: tx.now - NOTE_EVERY_MS, now: tx.now }]);
}

/** What `seqOfWorkers` begins with. */
export function readsOfWorkers(sightings: readonly Sighting[]): Read[] {
  return sightings.flatMap(({ worker }) =>
    worker === null ? [] : [{ statement: FIND_WORKER, params: nameOf(worker) }],
  );
}

async function seqOf(tx: Tx, note: WorkerNote, laneSeqs: ReadonlySet<number>): Promise<number> {
  const [known] = await tx.all(FIND_WORKER, nameOf(note));
  if (known && !isNews(known, [...laneSeqs], tx.now)) return known.seq;
  const askedAt = askedIn(known?.lanes ?? null);
  // One who only says that he is alive may still want what he wanted.
  const kept = Object.entries(askedAt).filter(([, at]) => laneSeqs.size === 0 || at > tx.now - ASKED_MS);
  const lanes = { ...Object.fromEntries(kept), ...Object.fromEntries([...laneSeqs].map((seq) => [seq, tx.now])) };
  await tx.later(SEEN, [{ ...nameOf(note), capacity: note.capacity, lanes: JSON.stringify(lanes), now: tx.now }]);
  return known?.seq ?? (await tx.all(FIND_WORKER, nameOf(note)))[0]!.seq;
}

/** Whether it is time to note again that this worker is here, or that he asks for these lanes. */
export function isNews({ lastSeenAt, lanes }: KnownWorker, laneSeqs: readonly number[], now: number): boolean {
  const askedAt = askedIn(lanes);
  // Also what is noted of a time to come: the clock was set back.
  const isDue = (at: number | undefined) => at === undefined || at <= now - NOTE_EVERY_MS || at > now;
  return isDue(lastSeenAt) || laneSeqs.some((laneSeq) => isDue(askedAt[laneSeq]));
}

/** `lanes`: as a row has them. */
export function askedIn(lanes: string | null): AskedAt {
  return lanes === null ? {} : (JSON.parse(lanes) as AskedAt);
}

function nameOf({ tenantSeq, name }: WorkerNote): { tenantSeq: number; name: string } {
  return { tenantSeq, name };
}

function keyOf({ tenantSeq, name }: WorkerNote): string {
  return `${tenantSeq} ${name}`;
}
