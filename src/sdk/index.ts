/**
 * The client and the worker for programs in JavaScript, as `millrace/sdk`. They need nothing but Node 20.19 or later; the
 * client and `verifyCallback` run wherever there are `fetch` and WebCrypto.
 */
export { ApiError } from './api-error.js';
export { MillraceClient, type CallAnswer, type NewTask, type PutOptions, type TaskFilter } from './client.js';
export type { ConnectionOptions } from './connection.js';
export type { TaskEvent } from './event-reader.js';
export type { LaneStats, QueueMetadata } from './queues-client.js';
export { Answer, type Handler, type TaskContext } from './task-run.js';
export { TaskFailed, TaskStream } from './task-stream.js';
export type { LeasedTask, Task, TaskResult, TaskState } from './task.js';
export { CallbackRefused, verifyCallback, type CallbackHeaders, type VerifiedCallback } from './verify-callback.js';
export type { LeaseEnd, PullStrategy } from './worker-api.js';
export { GiveUp, LeaseLost, RetryLater, WorkerStopping } from './worker-errors.js';
export { Worker, type WorkerOptions } from './worker.js';
