/** How the next requests are to go wrong; each fault strikes as often as it was asked for, in the order of arrival. */
export type S3Fault =
  /** Answered with this status and nothing done. */
  | { kind: 'status'; status: number }
  /** Taken and never answered. */
  | { kind: 'hang' }
  /** Everything is done, but the connection is cut before the answer. */
  | { kind: 'lost_answer' }
  /** The connection is cut after half of the answer's body. */
  | { kind: 'cut' };

/** Which requests: a method with the start of a path and query, e.g. `GET /bucket/`. Empty: all. */
export type S3Match = string;

interface Planned {
  fault: S3Fault;
  match: S3Match;
  left: number;
}

export class S3Faults {
  private planned: Planned[] = [];

  plan(fault: S3Fault, times = 1, match: S3Match = ''): void {
    this.planned.push({ fault, match, left: times });
  }

  clear(): void {
    this.planned = [];
  }

  /** @param request method and path with query, as in `S3Match` */
  next(request: string): S3Fault | null {
    const due = this.planned.find(({ match, left }) => left > 0 && request.startsWith(match));
    if (!due) return null;
    due.left -= 1;
    return due.fault;
  }
}
