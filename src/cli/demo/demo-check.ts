/** What the demo expects of its batch, and how what came back compares. Pure. */

/** One line of the input file, as far as the demo needs it. */
export interface AskedLine {
  customId: string;
  /** The last thing that the user says. */
  question: string;
  /** The status that the simulator was told to end it with for good; null for an answer. */
  failsWith: number | null;
  /** Told to fail at its first try only, so that its answer proves a retry. */
  failsAtFirst: boolean;
}

/** One line of the output or the error file. */
export interface ResultLine {
  customId: string;
  /** Null when the line never got an answer. */
  status: number | null;
  /** The model's words, or the message of the error. */
  text: string;
}

/** Custom ids, by what is wrong with them. */
export interface CheckedResults {
  missing: string[];
  repeated: string[];
  /** Came back although nobody asked. */
  unknown: string[];
  /** Failed, or failed otherwise, although that was not to be. */
  wronglyFailed: string[];
  /** Answered although told to fail. */
  wronglyAnswered: string[];
}

interface RequestLine {
  custom_id: string;
  body: { messages: { role: string; content: string }[]; metadata?: { sim?: string } };
}

interface WireLine {
  custom_id: string;
  response: { status_code: number; body: WireBody } | null;
  error: { code: string; message: string } | null;
}

interface WireBody {
  choices?: { message?: { content?: string } }[];
  error?: { type?: string; message?: string };
}

const LASTING_FAILURE = /^status_(\d{3})$/;
const FIRST_FAILURE = /^status_\d{3}_once$/;

/** Reads the demo's input file. */
export function readAskedLines(jsonl: string): AskedLine[] {
  return parseLines<RequestLine>(jsonl).map(({ custom_id: customId, body }) => {
    const told = body.metadata?.sim ?? '';
    const status = LASTING_FAILURE.exec(told)?.[1];
    return {
      customId,
      question: body.messages.findLast(({ role }) => role === 'user')?.content ?? '',
      failsWith: status === undefined ? null : Number(status),
      failsAtFirst: FIRST_FAILURE.test(told),
    };
  });
}

/** Reads an output or error file. */
export function readResultLines(jsonl: string): ResultLine[] {
  return parseLines<WireLine>(jsonl).map(({ custom_id: customId, response, error }) => ({
    customId,
    status: response?.status_code ?? null,
    text: textOf(response?.body, error),
  }));
}

function textOf(body: WireBody | undefined, error: WireLine['error']): string {
  if (error !== null) return `${error.code}: ${error.message}`;
  if (body?.error !== undefined) return `${body.error.type ?? 'error'}: ${body.error.message ?? ''}`;
  return body?.choices?.[0]?.message?.content ?? '';
}

function parseLines<T>(jsonl: string): T[] {
  return jsonl
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => JSON.parse(line) as T);
}

/** Compares what was asked with what came back, each result file by itself. */
export function checkResults(
  asked: readonly AskedLine[],
  answers: readonly ResultLine[],
  failures: readonly ResultLine[],
): CheckedResults {
  const expected = new Map(asked.map((line) => [line.customId, line.failsWith]));
  const seen = new Set<string>();
  const repeated = new Set<string>();
  for (const { customId } of [...answers, ...failures]) {
    if (seen.has(customId)) repeated.add(customId);
    seen.add(customId);
  }
  const isKnown = ({ customId }: ResultLine) => expected.has(customId);
  return {
    missing: [...expected.keys()].filter((customId) => !seen.has(customId)),
    repeated: [...repeated],
    unknown: [...seen].filter((customId) => !expected.has(customId)),
    wronglyFailed: idsOf(failures.filter(isKnown).filter((line) => expected.get(line.customId) !== line.status)),
    wronglyAnswered: idsOf(
      answers.filter(isKnown).filter((line) => expected.get(line.customId) !== null || line.status !== 200),
    ),
  };
}

function idsOf(lines: readonly ResultLine[]): string[] {
  return lines.map(({ customId }) => customId);
}

/** Whether nothing at all is wrong. */
export function isAllWell(checked: CheckedResults): boolean {
  return Object.values(checked).every((ids: string[]) => ids.length === 0);
}
