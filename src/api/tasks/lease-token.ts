/**
 * What a worker shows to prove that a lease is still its own: a piece of the task's id, and the lease's epoch. Opaque to
 * workers. The piece of the id is there so that tokens which a worker has mixed up are noticed.
 */
const TAIL = 8;
/** No lease has this epoch: the first lease of a task raises it to 1. */
const NO_LEASE = 0;

/** The header that carries it. */
export const LEASE_TOKEN_HEADER = 'X-Millrace-Lease-Token';

export function leaseTokenOf(taskId: string, epoch: number): string {
  return `${taskId.slice(-TAIL)}-${epoch}`;
}

/** The epoch that a token of this task stands for; null for no token, and one that no lease has for a token of anything else. */
export function epochOfToken(taskId: string, token: string | null): number | null {
  if (token === null) return null;
  const epoch = Number(/^[^-]+-(\d{1,15})$/.exec(token)?.[1] ?? NO_LEASE);
  return token === leaseTokenOf(taskId, epoch) ? epoch : NO_LEASE;
}
