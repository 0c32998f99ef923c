/** Tasks as the SDK shows them, and how they are read from the wire. */

export type TaskState = 'scheduled' | 'ready' | 'leased' | 'completed' | 'failed' | 'expired' | 'cancelled';

/** What was recorded of a task. */
export interface TaskResult<Body = unknown> {
  /** Of the model's or worker's answer; 400, 408, 499 or 500 when there was none. */
  statusCode: number;
  requestId: string | null;
  /** Null when there was no answer, or none but an error. */
  body: Body | null;
  /** Why there was no answer, or what its worker said went wrong. */
  error: { code: string; message: string } | null;
}

/** Instants are epoch ms. */
export interface Task<Data = unknown> {
  id: string;
  queue: string;
  level: number;
  endpoint: string | null;
  /** How its answer goes back: `callback`, `blocking`, `streaming` or, for a line of a batch, `batch`. */
  mode: string;
  state: TaskState;
  /** Null in lists, and where it is not kept any more. */
  data: Data | null;
  /** Null until it has ended, and in lists. */
  result: TaskResult | null;
  customId: string | null;
  batchId: string | null;
  traceId: string | null;
  callbackUrl: string | null;
  /** Tries so far. */
  tries: number;
  enqueuedAt: number;
  expiresAt: number | null;
  endedAt: number | null;
}

/** A task in this worker's hands. */
export interface LeasedTask<Data = unknown> extends Task<Data> {
  data: Data;
  /** Goes with everything that is said of this task. */
  leaseToken: string;
  /** Epoch ms by the server's clock, unless it is kept longer; null when it ends with the task only. */
  leaseUntil: number | null;
}

export interface WireResult {
  status_code?: number;
  request_id?: string;
  body?: unknown;
  /** The server's has a code and a message; that of a worker is any JSON. */
  error?: unknown;
}

export interface WireTask {
  task_id: string;
  custom_id?: string;
  batch_id?: string;
  trace_id?: string;
  endpoint?: string;
  queue: string;
  level: number;
  data?: unknown;
  result?: WireResult;
  state: TaskState;
  tries?: number;
  start_time: number;
  expire_time: number;
  completed_time: number;
  callback_url?: string;
  response_mode: string;
  lease_token?: string;
  lease_until?: number;
}

export function taskOf<Data>(wire: WireTask): Task<Data> {
  return {
    id: wire.task_id,
    queue: wire.queue,
    level: wire.level,
    endpoint: wire.endpoint ?? null,
    mode: wire.response_mode,
    state: wire.state,
    data: (wire.data ?? null) as Data | null,
    result: wire.result === undefined ? null : resultOf(wire.result),
    customId: wire.custom_id ?? null,
    batchId: wire.batch_id ?? null,
    traceId: wire.trace_id ?? null,
    callbackUrl: wire.callback_url ?? null,
    tries: wire.tries ?? 0,
    enqueuedAt: wire.start_time,
    expiresAt: instantOf(wire.expire_time),
    endedAt: instantOf(wire.completed_time),
  };
}

export function leasedTaskOf<Data>(wire: WireTask): LeasedTask<Data> {
  const { data, ...task } = taskOf<Data>(wire);
  return {
    ...task,
    data: data as Data,
    leaseToken: wire.lease_token ?? '',
    leaseUntil: instantOf(wire.lease_until ?? 0),
  };
}

/** Of a callback's body, too. */
export function resultOf<Body>(wire: WireResult): TaskResult<Body> {
  const { status_code, request_id, body, error } = wire;
  return {
    statusCode: status_code ?? 200,
    requestId: request_id ?? null,
    body: (body ?? null) as Body | null,
    error: error ? errorOf(error) : null,
  };
}

function errorOf(said: unknown): { code: string; message: string } {
  const fields = typeof said === 'object' ? (said as Record<string, unknown>) : { message: said };
  const { code, message } = fields;
  return {
    ...fields,
    code: typeof code === 'string' ? code : 'worker_error',
    message: typeof message === 'string' ? message : JSON.stringify(said),
  };
}

/** On the wire, 0 stands for "not yet". */
function instantOf(time: number): number | null {
  return time === 0 ? null : time;
}
