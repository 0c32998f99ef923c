import { requiredText } from './completion.mapper.js';
import type { JsonPart } from './json-part.js';
import { epochOfToken } from './lease-token.js';

/** A lease as its holder names it. */
export interface HeldLease {
  taskId: string;
  epoch: number | null;
}

/** An item of `leases`; refuses one that lacks its task or its token. */
export function toHeldLease(lease: JsonPart): HeldLease {
  const taskId = requiredText(lease, 'task_id');
  return { taskId, epoch: epochOfToken(taskId, requiredText(lease, 'lease_token')) };
}
