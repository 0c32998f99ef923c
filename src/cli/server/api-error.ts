import { CliError, EXIT } from '../cli-error.js';
import { oneLine } from '../terminal.js';

/** The server has refused. */
export class ApiError extends CliError {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message, status === 401 || status === 403 ? EXIT.unreachable : EXIT.failure);
    this.name = 'ApiError';
  }
}

/** No answer, or the answer of a server that is starting or stopping: later it may be another. */
export class UnreachableError extends CliError {
  constructor(message: string) {
    super(message, EXIT.unreachable);
    this.name = 'UnreachableError';
  }
}

const FIX: Readonly<Record<number, string>> = {
  401: 'Give the right key with --key or MILLRACE_API_KEY; the first one is in admin.key of the data folder.',
  403: 'Use a key that may do this: `millrace keys create` makes one.',
  507: 'Free some disk space on the server.',
};

/** Where the server says nothing but a status. */
const SILENT: Readonly<Record<number, string>> = { 401: 'The server does not know this API key.' };

/** What an answer that is no 2xx means to the person at the keyboard. */
export function refusalOf(url: string, status: number, body: string): CliError {
  const said =
    messageIn(body) ?? SILENT[status] ?? `${url} answered with status ${status} and nothing that we understand.`;
  if (status === 502 || status === 503 || status === 504) return new UnreachableError(`The server says: ${said}`);
  const fix = FIX[status];
  return new ApiError(status, fix === undefined ? said : `${said}\n${fix}`);
}

/** Nothing came back at all. */
export function silenceOf(url: string, error: unknown): UnreachableError {
  const code = (error as NodeJS.ErrnoException).code ?? (error instanceof Error ? error.message : String(error));
  return new UnreachableError(
    `No server answers at ${url} (${code}).\nStart it with \`millrace serve\`, or name another with --url.`,
  );
}

/** OpenAI's envelope; null for the answer of some other program. */
function messageIn(body: string): string | null {
  try {
    const { error } = JSON.parse(body) as { error?: { message?: unknown } };
    return typeof error?.message === 'string' ? oneLine(error.message) : null;
  } catch {
    return null; // that it is no JSON is the answer
  }
}
