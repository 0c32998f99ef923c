/**
 * Every metric there is. Names are `millrace_<noun>_<unit>` in base units, HTTP's as in OpenTelemetry.
 * No label holds a tenant or an id: `bounded-labels.ts` caps the rest.
 */
export interface MetricSpec<L extends string = string> {
  type: 'counter' | 'gauge' | 'histogram';
  name: string;
  help: string;
  labels: readonly L[];
  /** Upper bounds, of histograms only. */
  buckets?: readonly number[];
}

const MILLISECONDS_TO_A_SECOND = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1];
/** OpenTelemetry's for HTTP, and on to the ten minutes that a blocking call may take. */
const HTTP_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 30, 60, 300, 600];
const MODEL_SECONDS = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300, 600];
const BATCH_SECONDS = [
  1,
  5,
  15,
  60,
  300,
  900,
  3_600,
  4 * 3_600,
  12 * 3_600,
  24 * 3_600,
  7 * 24 * 3_600,
  30 * 24 * 3_600,
];
const GROUP_ITEMS = [1, 2, 5, 10, 20, 50, 100, 200, 500];

export const METRICS = {
  buildInfo: {
    type: 'gauge',
    name: 'millrace_build_info',
    help: 'Always 1; the labels say what is running.',
    labels: ['version', 'mode', 'node'],
  },
  eventLoopLag: {
    type: 'gauge',
    name: 'millrace_event_loop_lag_seconds',
    help: 'How late the event loop came round, since the last scrape; quantile 1 is the worst.',
    labels: ['quantile'],
  },
  processCpu: {
    type: 'counter',
    name: 'millrace_process_cpu_seconds_total',
    help: 'CPU time of this process, user and system, all threads.',
    labels: [],
  },
  processMemory: {
    type: 'gauge',
    name: 'millrace_process_resident_memory_bytes',
    help: 'Resident memory of this process.',
    labels: [],
  },
  httpRequestSeconds: {
    type: 'histogram',
    name: 'http_server_request_duration_seconds',
    help: 'Duration of HTTP requests; the route is the pattern, never the path.',
    labels: ['http_request_method', 'http_route', 'http_response_status_code'],
    buckets: HTTP_SECONDS,
  },
  storeOpSeconds: {
    type: 'histogram',
    name: 'millrace_store_op_seconds',
    help: 'Duration of store operations, waiting for their commit included.',
    labels: ['op'],
    buckets: MILLISECONDS_TO_A_SECOND,
  },
  storeGroupSize: {
    type: 'histogram',
    name: 'millrace_store_group_size',
    help: 'Writes that shared one commit.',
    labels: [],
    buckets: GROUP_ITEMS,
  },
  tasksCreated: {
    type: 'counter',
    name: 'millrace_tasks_created_total',
    help: 'Tasks accepted, lines of batches included.',
    labels: ['queue'],
  },
  tasksCompleted: {
    type: 'counter',
    name: 'millrace_tasks_completed_total',
    help: 'Tasks that reached a terminal state.',
    labels: ['queue', 'outcome'],
  },
  tasksRetried: {
    type: 'counter',
    name: 'millrace_tasks_retried_total',
    help: 'Tasks that went back to be executed again.',
    labels: ['reason'],
  },
  batchesCreated: {
    type: 'counter',
    name: 'millrace_batches_created_total',
    help: 'Batches accepted.',
    labels: [],
  },
  batchesEnded: {
    type: 'counter',
    name: 'millrace_batches_ended_total',
    help: 'Batches that reached a terminal state.',
    labels: ['status'],
  },
  batchLines: {
    type: 'counter',
    name: 'millrace_batch_lines_total',
    help: 'Lines of batches by how they ended.',
    labels: ['outcome'],
  },
  batchSeconds: {
    type: 'histogram',
    name: 'millrace_batch_e2e_seconds',
    help: 'Time from the creation of a batch to its terminal state.',
    labels: [],
    buckets: BATCH_SECONDS,
  },
  tokens: {
    type: 'counter',
    name: 'millrace_tokens_total',
    help: 'Tokens that upstreams counted.',
    labels: ['model', 'type'],
  },
  upstreamRequests: {
    type: 'counter',
    name: 'millrace_upstream_requests_total',
    help: 'Requests to upstreams by status code, or by what went wrong instead of an answer.',
    labels: ['upstream', 'code'],
  },
  upstreamRequestSeconds: {
    type: 'histogram',
    name: 'millrace_upstream_request_seconds',
    help: 'Duration of requests to upstreams, to the last byte.',
    labels: ['upstream'],
    buckets: MODEL_SECONDS,
  },
  upstreamConcurrencyLimit: {
    type: 'gauge',
    name: 'millrace_upstream_concurrency_limit',
    help: 'Requests an upstream may get at the same time, as things are now.',
    labels: ['upstream'],
  },
  upstreamInFlight: {
    type: 'gauge',
    name: 'millrace_upstream_in_flight',
    help: 'Requests to an upstream that are under way.',
    labels: ['upstream'],
  },
  leasesExpired: {
    type: 'counter',
    name: 'millrace_leases_expired_total',
    help: 'Leases that ended because nobody kept them up.',
    labels: [],
  },
  staleCompletionsRejected: {
    type: 'counter',
    name: 'millrace_stale_completions_rejected_total',
    help: 'Answers that came with an old epoch and changed nothing.',
    labels: [],
  },
  callsLost: {
    type: 'counter',
    name: 'millrace_calls_lost_total',
    help: 'Calls to dispatchers that Redis did not carry: dropped (it was away, or had too many) or malformed. The sweep repeats them.',
    labels: ['reason'],
  },
  callQueuesRebuilt: {
    type: 'counter',
    name: 'millrace_call_queues_rebuilt_total',
    help: 'Times that the queues of calls had stopped turning and were made anew.',
    labels: [],
  },
  eventsLost: {
    type: 'counter',
    name: 'millrace_events_lost_total',
    help: 'Notices between processes that Redis did not carry: dropped (it was away, or too slow) or malformed.',
    labels: ['reason'],
  },
  streamedReports: {
    type: 'counter',
    name: 'millrace_streamed_reports_total',
    help: 'What workers reported over Redis: counted, or why it changed nothing.',
    labels: ['outcome'],
  },
  webhookDeliveries: {
    type: 'counter',
    name: 'millrace_webhook_deliveries_total',
    help: 'Tries to deliver a callback: delivered, failed (it is tried again) or dead (it was given up).',
    labels: ['result'],
  },
  leader: {
    type: 'gauge',
    name: 'millrace_leader',
    help: '1 in the process that runs the sweeps, else 0.',
    labels: [],
  },
  webhookPending: {
    type: 'gauge',
    name: 'millrace_webhook_pending',
    help: 'Callbacks that wait to be delivered; counting stops at 100000.',
    labels: [],
  },
  filesUploaded: {
    type: 'counter',
    name: 'millrace_files_uploaded_total',
    help: 'Files uploaded.',
    labels: ['purpose'],
  },
  fileBytes: {
    type: 'counter',
    name: 'millrace_file_bytes_total',
    help: 'Bytes of files, in and out.',
    labels: ['direction'],
  },
} as const satisfies Record<string, MetricSpec>;
