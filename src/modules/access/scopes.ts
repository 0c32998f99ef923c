/** What a key may be allowed to do. Each route asks for one of these, or is public. */
export const SCOPES = ['files', 'batches', 'tasks', 'worker', 'queues', 'metrics', 'admin'] as const;
export type Scope = (typeof SCOPES)[number];
