/**
 * Judges a batch that went through faults, from outside: what was sent, what came back, and how often the upstream was
 * called for each line. Pure.
 */
import { ResultLines } from './result-lines.js';

export interface SentLine {
  customId: string;
  /** The `id` in the answer that the upstream gives to this line and to no other. */
  answerId: string;
}

/** The parts of a batch on the wire that can be checked against its files. */
export interface BatchOnWire {
  status: string;
  request_counts?: { total: number; completed: number; failed: number } | undefined;
  usage?: { total_tokens: number } | undefined;
  created_at?: number;
  in_progress_at?: number | null;
  finalizing_at?: number | null;
  completed_at?: number | null;
}

export interface BatchHistory {
  /** In the order of the input file. */
  lines: readonly SentLine[];
  batch: BatchOnWire;
  /** Texts of the two result files; empty for one that there is not. */
  output: string;
  error: string;
  /** How often the upstream was called for each custom id; null when the upstream itself was killed and forgot. */
  calls: Readonly<Record<string, number>> | null;
  /** How often the server was killed during the batch. */
  kills: number;
  /** How often each line was running when the server was killed, by custom id; lines that never were may be missing. */
  losses: Readonly<Record<string, number>>;
  /** Lines that were called again because of what the upstream answered. */
  retried?: ReadonlySet<string>;
  /** The rare paths that this run is about, with how often each was taken. */
  paths: Readonly<Record<string, number>>;
}

export interface BatchReport {
  /** Custom ids; in no result file. */
  lost: string[];
  /** In a result file, but nobody sent them. */
  unexpected: string[];
  /** In the result files more than once. */
  duplicates: string[];
  /** With the answer to another line, or an answer that nobody asked the upstream for. */
  foreign: string[];
  /** In the output file without a good answer, or in the error file with one. */
  misfiled: string[];
  /** Behind a line that comes later in the input file. */
  outOfOrder: string[];
  /** Called more often than once, once more for each time they were lost with the server. */
  overcalled: string[];
  /** Calls beyond the first for each line, lines in `retried` excepted. */
  extraCalls: number;
  /** Leases that died with a server: the calls that may have been made in vain. */
  inFlightAtKills: number;
  /** Everything that is wrong, in words; empty for a good batch. */
  problems: string[];
}

/** A run in which the fault did not happen proves nothing. */
export class VacuousRun extends Error {}

/** @throws VacuousRun when a rare path was not taken, or none was named */
export function checkBatch(history: BatchHistory): BatchReport {
  refuseVacuous(history.paths);
  const results = new ResultLines(history.output, history.error);
  const report = { ...checkIds(history, results), ...checkAnswers(history, results), ...checkCalls(history) };
  return { ...report, problems: [...results.unreadable, ...listed(report), ...sums(history, results, report)] };
}

function refuseVacuous(paths: BatchHistory['paths']): void {
  const untaken = Object.keys(paths).filter((path) => !(paths[path]! > 0));
  if (Object.keys(paths).length === 0) throw new VacuousRun('the run does not say which rare paths it is about');
  if (untaken.length > 0) throw new VacuousRun(`this run never came to: ${untaken.join(', ')}`);
}

function checkIds({ lines }: BatchHistory, { all }: ResultLines) {
  const sent = new Set(lines.map(({ customId }) => customId));
  const seen = new Set<string>();
  const duplicates = new Set<string>();
  for (const { customId } of all) (seen.has(customId) ? duplicates : seen).add(customId);
  return {
    lost: [...sent].filter((customId) => !seen.has(customId)),
    unexpected: [...seen].filter((customId) => !sent.has(customId)),
    duplicates: [...duplicates],
  };
}

function checkAnswers({ lines, calls }: BatchHistory, { output, error }: ResultLines) {
  const places = new Map(lines.map(({ customId }, place) => [customId, place]));
  const answerIds = new Map(lines.map(({ customId, answerId }) => [customId, answerId]));
  const isForeign = (customId: string, answerId: string | null) =>
    answerId !== answerIds.get(customId) || (calls !== null && !(calls[customId]! > 0));
  const misfiled = [...output.filter(({ isGood }) => !isGood), ...error.filter(({ isGood }) => isGood)];
  const outOfOrder = [output, error].flatMap((file) =>
    file.filter(({ customId }, at) => at > 0 && places.get(customId)! < places.get(file[at - 1]!.customId)!),
  );
  return {
    foreign: output.filter(({ customId, answerId }) => isForeign(customId, answerId)).map(({ customId }) => customId),
    misfiled: misfiled.map(({ customId }) => customId),
    outOfOrder: outOfOrder.map(({ customId }) => customId),
  };
}

function checkCalls({ lines, calls, losses, retried = new Set() }: BatchHistory) {
  const overcalled: string[] = [];
  let extraCalls = 0;
  for (const { customId } of lines) {
    const called = calls?.[customId] ?? 0;
    if (retried.has(customId) || called <= 1) continue;
    extraCalls += called - 1;
    if (called > 1 + (losses[customId] ?? 0)) overcalled.push(customId);
  }
  return { overcalled, extraCalls, inFlightAtKills: total(Object.values(losses)) };
}

type Findings = Omit<BatchReport, 'problems'>;

const LISTED = ['lost', 'unexpected', 'duplicates', 'foreign', 'misfiled', 'outOfOrder', 'overcalled'] as const;
const MOST_NAMED = 10;

function listed(findings: Findings): string[] {
  return LISTED.filter((kind) => findings[kind].length > 0).map((kind) => {
    const ids = findings[kind];
    const named = ids.slice(0, MOST_NAMED).join(', ');
    return `${kind}: ${ids.length} (${named}${ids.length > MOST_NAMED ? ', …' : ''})`;
  });
}

/** Where two figures for the same thing differ. */
function sums({ lines, batch, calls, kills, losses }: BatchHistory, results: ResultLines, found: Findings): string[] {
  const { total: counted, completed, failed } = batch.request_counts ?? { total: -1, completed: -1, failed: -1 };
  const sent = new Set(lines.map(({ customId }) => customId));
  const strangers = Object.keys(calls ?? {}).filter((customId) => !sent.has(customId));
  const answered = results.error.filter(({ isNotRun }) => !isNotRun).length;
  const tokens = total(results.output.map((line) => line.tokens));
  const mostLost = Math.max(0, ...Object.values(losses));
  const wrong: [isWrong: boolean, words: string][] = [
    [counted !== lines.length, `the batch counts ${counted} lines instead of ${lines.length}`],
    [
      completed !== results.output.length,
      `it counts ${completed} completed lines, the file has ${results.output.length}`,
    ],
    [failed !== answered, `it counts ${failed} failed lines, the error file has ${answered}`],
    [batch.usage?.total_tokens !== tokens, `it counts ${batch.usage?.total_tokens} tokens, its lines have ${tokens}`],
    [batch.status === 'completed' && answered < results.error.length, 'it is completed, but lines were not run'],
    [strangers.length > 0, `the upstream was called for lines that nobody sent: ${strangers.join(', ')}`],
    [mostLost > kills, `a line was lost ${mostLost} times, but the server was killed ${kills} times`],
    [
      found.extraCalls > found.inFlightAtKills,
      `${found.extraCalls} calls were made again, but only ${found.inFlightAtKills} were in flight at a kill`,
    ],
  ];
  const times = [batch.created_at, batch.in_progress_at, batch.finalizing_at, batch.completed_at].filter(
    (at) => at !== null && at !== undefined,
  );
  wrong.push([times.some((at, n) => at < (times[n - 1] ?? 0)), `its times go back: ${times.join(', ')}`]);
  return wrong.filter(([isWrong]) => isWrong).map(([, words]) => words);
}

function total(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0);
}
