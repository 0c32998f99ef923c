export type FindingStatus = 'ok' | 'warning' | 'failed';

/** What one look has shown. */
export interface Finding {
  /** What was looked at; stable, for programs. */
  check: string;
  status: FindingStatus;
  message: string;
  /** What to do about it; null when nothing is to be done. */
  fix: string | null;
}

export function ok(check: string, message: string): Finding {
  return { check, status: 'ok', message, fix: null };
}

export function warning(check: string, message: string, fix: string): Finding {
  return { check, status: 'warning', message, fix };
}

export function failed(check: string, message: string, fix: string): Finding {
  return { check, status: 'failed', message, fix };
}
