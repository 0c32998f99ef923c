/** Errors as the Task API words them: an envelope with the status in it. Whoever has no valid key gets no body at all. */
import type { Clock } from '../../kernel/clock.js';
import { silentTo401, type RenderError } from '../common/error-dialects.js';

/** `/v1/queue`, and a few paths among those of the operators. */
const TASK_PATH = /^\/v1\/(queue(\/|$)|console\/(queue(\/[^/]+)?\/stats$|[^/]+\/clear$))/;

export function isTaskPath(path: string): boolean {
  return TASK_PATH.test(path);
}

/** `{"code": the HTTP status, "message", "timestamp": epoch ms}` */
export function taskErrorRenderer(clock: Clock): RenderError {
  return silentTo401(({ status, message, retryAfterMs }) => ({
    status,
    headers: retryAfterMs === null ? {} : { 'retry-after': String(Math.max(1, Math.ceil(retryAfterMs / 1000))) },
    body: { code: status, message, timestamp: clock.now() },
  }));
}
