/** What the server says, as far as commands look at it. Instants are seconds since 1970. */
export interface WirePage<T> {
  data: T[];
  has_more: boolean;
}

export interface WireFile {
  id: string;
  filename: string;
  bytes: number;
}

export interface WireBatch {
  id: string;
  status: string;
  endpoint: string;
  completion_window: string;
  input_file_id: string;
  output_file_id: string | null;
  error_file_id: string | null;
  errors: { data: { message: string; line: number | null }[] } | null;
  request_counts: { total: number; completed: number; failed: number };
  usage: { input_tokens: number; output_tokens: number; total_tokens: number };
  created_at: number;
  in_progress_at: number | null;
  completed_at: number | null;
  expires_at: number;
}

/** How a batch gets on. */
export interface WireBatchStats {
  id: string;
  status: string;
  waits_because: string[];
}

export interface WireKey {
  id: string;
  name: string;
  tenant: string;
  scopes: string[];
  last4: string;
  created_at: number;
  expires_at: number | null;
  revoked_at: number | null;
}

export interface WireQueue {
  id: string;
  name: string;
  tenant: string;
  visibility: string;
  endpoint: string | null;
  models: string[];
  consumers: string[];
  upstream: string | null;
  paused_at: number | null;
}

export interface WireUpstream {
  id: string;
  name: string;
  base_url: string;
  key_last4: string | null;
  concurrency: number;
  per_minute: number | null;
  source: string;
}

export interface WireUpstreamTest {
  ok: boolean;
  status: number | null;
  latency_ms: number;
  models: string[] | null;
  error: string | null;
}

export interface WireLane {
  queue: string;
  level: number;
  ready: number;
  scheduled: number;
  leased: number;
  oldest_age_seconds: number | null;
  completed_per_second: number;
  totals: { completed: number; failed: number };
  waits_because: string | null;
}
