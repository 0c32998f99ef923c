/** Finds tasks by their public ids, for whoever decides about them. One statement for single tasks, one for lines. */
import { TASK_STATE_CODE } from '../../kernel/task-state.js';
import type { Read, Tx } from '../procedure.js';
import { statement, type SqlParams, type Statement } from '../statement.js';
import type { HolderClaim, HolderVerdict, TaskKey } from './single-shapes.js';

/** What decides about a task. */
export interface KnownTask {
  seq: number;
  /** Null for a line of a batch. */
  id: string | null;
  epoch: number;
  /** See TASK_STATE_CODE. */
  state: number;
  mode: string;
  tries: number;
  tenantSeq: number;
  laneSeq: number;
  batchSeq: number | null;
  /** The instance whose dispatcher runs it, or ran it last. */
  ownerSeq: number | null;
  leasedAt: number | null;
  /** 1 or 0. */
  hasCallback: number;
  /** Whether its end lets another one begin, because of the queue's limit or the lane's sequential lock: 1 or 0. */
  holdsRoom: number;
  /** Also where the queue was deleted since the task ended. */
  queueTenantSeq: number;
  /** Null where the queue was deleted. */
  completionRule: string | null;
  retryPolicy: string | null;
  /** Whether its caller has been sent a part of the answer already: 1 or 0. */
  isHeard: number;
}

type Found = KnownTask & { place: number };

const FIND = statement<{ ids: string }, Found>('task-find');
const FIND_LINES = statement<{ keys: string }, Found>('task-find-lines');

/** In the order of the keys; null for unknown ones. */
export async function findTasks(tx: Tx, keys: readonly TaskKey[]): Promise<(KnownTask | null)[]> {
  const known = new Array<KnownTask | null>(keys.length).fill(null);
  for (const { statement: find, params, places } of lookUpsOf(keys)) {
    for (const task of await tx.all(find, params)) known[places[task.place]!] = task;
  }
  return known;
}

/** What `findTasks` reads. */
export function readsOf(keys: readonly TaskKey[]): Read[] {
  return lookUpsOf(keys);
}

interface LookUp {
  statement: Statement<SqlParams, Found>;
  params: SqlParams;
  /** Of the keys, in the order of the statement's. */
  places: number[];
}

function lookUpsOf(keys: readonly TaskKey[]): LookUp[] {
  const ids: string[] = [];
  const lines: [batchId: string, line: number][] = [];
  const idPlaces: number[] = [];
  const linePlaces: number[] = [];
  keys.forEach((key, place) => {
    if ('id' in key) {
      ids.push(key.id);
      idPlaces.push(place);
    } else {
      lines.push([key.batchId, key.line]);
      linePlaces.push(place);
    }
  });
  return [
    ...(ids.length > 0 ? [{ statement: FIND, params: { ids: JSON.stringify(ids) }, places: idPlaces }] : []),
    ...(lines.length > 0
      ? [{ statement: FIND_LINES, params: { keys: JSON.stringify(lines) }, places: linePlaces }]
      : []),
  ];
}

/** Whether the claim holds: the task is leased, in a queue of the claimer's tenant, and with his token if he has one. */
export function isHeldBy(task: KnownTask | null, claim: HolderClaim): task is KnownTask {
  return (
    task !== null &&
    task.queueTenantSeq === claim.tenantSeq &&
    task.state === TASK_STATE_CODE.leased &&
    (claim.epoch === null || claim.epoch === task.epoch)
  );
}

/** What to say to one whose claim does not hold. */
export function refusalOf(task: KnownTask | null, claim: HolderClaim): HolderVerdict {
  if (task === null || task.queueTenantSeq !== claim.tenantSeq) return 'unknown';
  return claim.epoch === null ? 'late' : 'lost';
}
