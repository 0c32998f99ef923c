/** What the demo prints, as lines. Pure, apart from colours. */
import { clip, oneLine, type Screen } from '../terminal.js';
import type { AskedLine, CheckedResults, ResultLine } from './demo-check.js';
import type { DemoServer } from './demo-stage.js';
import type { DemoDeployment } from './distributed-stage.js';

type Paper = Pick<Screen, 'width' | 'colors'>;

const ANSWERS_SHOWN = 3;
const IDS_NAMED = 5;
const NAME_WIDTH = 'server'.length;

/** Names and what they stand for, in two columns. A long value is left whole, so that it can be copied. */
export function pairs(rows: readonly (readonly [name: string, value: string])[], { colors }: Paper): string[] {
  return rows.map(([name, value]) => `  ${colors.dim(name.padEnd(NAME_WIDTH))}  ${value}`);
}

/** Three answers from all over the batch, and one error, each below what was asked. */
export function samples(
  asked: readonly AskedLine[],
  answers: readonly ResultLine[],
  failures: readonly ResultLine[],
  paper: Paper,
): string[] {
  const questions = new Map(asked.map(({ customId, question }) => [customId, question]));
  const show = (line: ResultLine) => sample(line, questions.get(line.customId) ?? '', paper);
  const blocks = [...spread(answers, ANSWERS_SHOWN), ...failures.slice(0, 1)].map(show);
  return blocks.flatMap((block, index) => (index === 0 ? block : ['', ...block]));
}

function sample({ customId, status, text }: ResultLine, question: string, { width, colors }: Paper): string[] {
  const isAnswer = status === 200;
  const room = width - 2 - customId.length - 2 - 'asked'.length - 2;
  const indent = ' '.repeat(2 + customId.length);
  const shown = clip(oneLine(isAnswer ? text : `${status ?? ''} ${text}`), room);
  return [
    `  ${colors.bold(customId)}  ${colors.dim('asked')}  ${colors.dim(clip(oneLine(question), room))}`,
    `${indent}  ${isAnswer ? colors.green('   ok') : colors.red('error')}  ${shown}`,
  ];
}

/** `count` of the list with even gaps, the first among them. */
function spread<T>(list: readonly T[], count: number): T[] {
  const gap = Math.max(1, Math.floor(list.length / count));
  return list.filter((_, index) => index % gap === 0).slice(0, count);
}

/** The verdict: what went well, or one line for each thing that is wrong. */
export function verdict(asked: readonly AskedLine[], checked: CheckedResults, { colors }: Paper): string[] {
  const failing = asked.filter(({ failsWith }) => failsWith !== null).length;
  const problems = (
    [
      ['did not come back', checked.missing],
      ['came back more than once', checked.repeated],
      ['came back although never asked', checked.unknown],
      ['failed in a way they were not told to', checked.wronglyFailed],
      ['were answered although told to fail', checked.wronglyAnswered],
    ] as const
  ).filter(([, ids]) => ids.length > 0);
  if (problems.length > 0) return problems.map(([what, ids]) => `  ${colors.red('✗')} ${what}: ${nameIds(ids)}`);
  const retried = asked.filter(({ failsAtFirst }) => failsAtFirst).map(({ customId }) => customId);
  const good = [
    `each of the ${asked.length} custom_ids came back exactly once`,
    `exactly those ${failing} lines failed that were told to, each with its own status`,
  ];
  if (retried.length > 0) good.push(`${nameIds(retried)} got an error of the model at first and was tried again`);
  return good.map((sentence) => `  ${colors.green('✓')} ${sentence}`);
}

function nameIds(ids: readonly string[]): string {
  const more = ids.length - IDS_NAMED;
  return ids.slice(0, IDS_NAMED).join(', ') + (more > 0 ? ` and ${more} more` : '');
}

/** How the batch went, in one line. */
export function summary(answered: number, failed: number, seconds: number): string {
  const total = answered + failed;
  const rate = Math.round(total / seconds);
  return `${total} requests in ${seconds.toFixed(1)} s, ${rate} a second: ${answered} answered, ${failed} failed`;
}

/** Who did how much of the batch, in one line. */
export function shares(engines: readonly { name: string; lines: number }[], { colors }: Paper): string[] {
  const said = engines.map(({ name, lines }) => `${name} did ${lines}`).join(', ');
  return [`  ${colors.green('✓')} ${said} of the lines`];
}

/** What a visitor can do with the server now. */
export function howToGoOn(
  server: DemoServer | DemoDeployment,
  batchId: string,
  isTemporary: boolean,
  screen: Screen,
): string[] {
  const { bold } = screen.colors;
  const { url, key, keyPath } = server;
  const others = 'otherUrl' in server ? ([['API', `${server.otherUrl}/v1`]] as const) : [];
  return [
    '',
    bold(others.length > 0 ? 'All of it stays up for you to try.' : 'The server stays up for you to try.'),
    '',
    ...pairs(
      [
        ['API', `${url}/v1`],
        ...others,
        ['docs', `${url}/docs`],
        // A log is no place for a key.
        ['key', screen.isTerminal ? key : `in ${keyPath}`],
      ],
      screen,
    ),
    '',
    `  curl ${url}/v1/batches/${batchId} \\`,
    `    -H "Authorization: Bearer $(cat ${quoteForShell(keyPath)})"`,
    '',
    ...(others.length > 0 ? ['Kill a server while it works: no line is lost, and the demo starts it again.'] : []),
    isTemporary ? 'Ctrl-C stops it and removes its data.' : 'Ctrl-C stops it; its data stays where you wanted it.',
  ];
}

/** A path as one word of a shell's command line. */
function quoteForShell(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`;
}
