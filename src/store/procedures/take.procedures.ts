/** Workers take tasks from lanes. Takes that come together run one after the other in one transaction. */
import { procedureOfMany, type Tx } from '../procedure.js';
import { statement } from '../statement.js';
import { LaneCounts } from './lane-counts.js';
import { LaneCursor, type OpenLane } from './lane-cursor.js';
import { QueueRoom } from './queue-room.js';
import type { TakenLease, TakeRequest } from './single-shapes.js';
import { chooseTasks, type Choice, type Source } from './take-choice.js';
import { readsOfWorkers, seqOfWorkers } from './workers.js';

const OPEN = statement<{ laneSeqs: string }, OpenLane>('lane-take');
const TAKE = statement<{
  seqs: string;
  now: number;
  workerSeq: number | null;
  leaseUntil: number | null;
  leaseMs: number | null;
  leaseEnd: string;
  leaseRetries: number;
}>('task-take');
const LOCK = statement<{ laneSeq: number; seq: number; epoch: number }>('lane-lock');

/** Heads are read in pages of at most this. */
const MAX_PAGE = 100;

/** The leases of each take, in the order in which they are to be worked off. */
export const takeTasks = procedureOfMany(
  'task-take',
  async (tx, requests: readonly TakeRequest[]) => {
    const counts = new LaneCounts();
    const room = new QueueRoom(tx);
    const workers = await seqOfWorkers(tx, requests);
    const taken: TakenLease[][] = [];
    for (const [index, request] of requests.entries()) {
      const sources = await sourcesOf(tx, request, room);
      const choices = await chooseTasks(request.strategy, sources, request.size);
      await lease(tx, request, workers[index]!, choices);
      for (const { source } of choices) counts.add(source.cursor.lane.laneSeq, 'taken');
      taken.push(choices.map(toLease));
    }
    await counts.write(tx);
    return taken;
  },
  {
    lanesOf: (_tx, requests) => requests.flatMap(({ laneSeqs }) => laneSeqs),
    // Of lanes only those of the first: who comes after it sees what it took.
    readsFirst: (requests) => [...readsOfWorkers(requests), { statement: OPEN, params: openParams(requests[0]!) }],
  },
);

function openParams({ laneSeqs }: TakeRequest): { laneSeqs: string } {
  return { laneSeqs: JSON.stringify(laneSeqs) };
}

/** Lanes that are open to this take, each once, in the order of its list. */
async function sourcesOf(tx: Tx, request: TakeRequest, room: QueueRoom): Promise<Source[]> {
  const { laneSeqs, size, minAgeMs, strategy } = request;
  const open = new Map<number, OpenLane>();
  for (const lane of await tx.all(OPEN, openParams(request))) open.set(lane.laneSeq, lane);
  const allowed = new Map(request.allowances.map(({ queueSeq, count }) => [queueSeq, count]));
  const perLane = strategy === 'sequential' ? 1 : Math.ceil(size / (strategy === 'active_passive' ? 1 : open.size));
  const sources: Source[] = [];
  for (const laneSeq of new Set(laneSeqs)) {
    const lane = open.get(laneSeq);
    if (!lane) continue;
    const { queueSeq } = lane;
    await room.left(lane);
    sources.push({
      cursor: new LaneCursor(tx, lane, tx.now - minAgeMs, Math.min(MAX_PAGE, perLane)),
      hasRoom: () => room.hasRoom(lane) && (allowed.get(queueSeq) ?? 1) > 0,
      onTake: () => {
        room.use(lane, 1);
        const left = allowed.get(queueSeq);
        if (left !== undefined) allowed.set(queueSeq, left - 1);
      },
    });
  }
  return sources;
}

async function lease(
  tx: Tx,
  request: TakeRequest,
  workerSeq: number | null,
  choices: readonly Choice[],
): Promise<void> {
  if (choices.length === 0) return;
  const { leaseMs, leaseEnd, leaseRetries } = request;
  const leaseUntil = leaseMs === null ? null : tx.now + leaseMs;
  const seqs = JSON.stringify(choices.map(({ task }) => task.seq));
  await tx.later(TAKE, [{ seqs, now: tx.now, workerSeq, leaseUntil, leaseMs, leaseEnd, leaseRetries }]);
  if (request.strategy !== 'sequential') return;
  await tx.later(
    LOCK,
    choices.map(({ task, source }) => ({ laneSeq: source.cursor.lane.laneSeq, seq: task.seq, epoch: task.epoch + 1 })),
  );
}

/** The lease raised the epoch by one. Written out: a spread makes large objects, and these come by the hundred. */
function toLease({ task: { seq, epoch }, source }: Choice): TakenLease {
  return { seq, epoch: epoch + 1, queueSeq: source.cursor.lane.queueSeq };
}
