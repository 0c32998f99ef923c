import type { MillraceError } from '../../kernel/errors.js';

/** An answer that says what went wrong. `body` undefined: none at all. */
export interface ErrorAnswer {
  status: number;
  headers: Readonly<Record<string, string>>;
  body: unknown;
}

export type RenderError = (error: MillraceError) => ErrorAnswer;

/** One API's way to word errors, and the paths that are its own. */
export interface ErrorDialect {
  isSpokenAt: (path: string) => boolean;
  render: RenderError;
}

/**
 * How errors look, by path: what goes wrong before a route is found, or in reading its body, is answered in the words of the
 * API that was meant.
 */
export class ErrorDialects {
  /** `otherwise`: for all paths that none of the dialects knows. */
  constructor(
    private readonly dialects: readonly ErrorDialect[],
    private readonly otherwise: RenderError,
  ) {}

  render(error: MillraceError, path: string): ErrorAnswer {
    const dialect = this.dialects.find(({ isSpokenAt }) => isSpokenAt(path));
    return (dialect?.render ?? this.otherwise)(error);
  }
}

/** Says nothing to those it does not know, as the clients of some routes expect it. */
export function silentTo401(render: RenderError): RenderError {
  return (error) => (error.status === 401 ? { status: 401, headers: {}, body: undefined } : render(error));
}
