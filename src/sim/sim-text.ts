/**
 * The simulator's prose: short, plausible, about the words of the prompt, and the same each time. Tokens are words.
 */
import { emptyArray, invalidType } from './sim-error.js';
import type { Random } from './sim-random.js';

type About = (a: string, b: string) => string;

const OPENINGS: readonly About[] = [
  (a, b) => `In short, ${a} depends on ${b} more than it seems.`,
  (a, b) => `The main point about ${a} is how it meets ${b}.`,
  (a, b) => `Here is a brief view of ${a} and ${b}.`,
  (a, b) => `Most questions about ${a} turn out to be questions about ${b}.`,
  (a, b) => `There are two sides to ${a}, and ${b} is the one people forget.`,
];

const MIDDLES: readonly About[] = [
  (a, b) => `Start with ${a}, keep ${b} small, and measure before you change anything.`,
  (a, b) => `A change to ${a} shows up in ${b} within a day, so look there first.`,
  (a, b) => `When ${a} is clear, ${b} follows with little effort.`,
  (a, b) => `People who know ${a} well spend most of their time on ${b}.`,
  (a, b) => `The usual mistake is to treat ${a} and ${b} as one thing.`,
];

const CLOSINGS: readonly About[] = [
  (a) => `If only one thing can be done, do ${a} first.`,
  (a) => `Write down what you expect of ${a}, then compare.`,
  (a) => `That is enough for a first answer on ${a}.`,
  (a) => `Ask again with an example of ${a} for more detail.`,
];

/** What is spoken of when the prompt has no word worth echoing. */
const FALLBACK: readonly string[] = ['the question', 'its context'];

/** Only the start of a prompt is searched for words to echo: it is enough, and a long prompt costs no more. */
const SEARCHED_CHARS = 400;
const MOST_KEYWORDS = 8;
const KEYWORD = /[^\s.,;:!?"'`()[\]{}<>|/\\]{4,24}/g;
const DULL = new Set(
  'about after also been before could does explain from have here into give like line make more most much only over please question short should some tell than that their them then there these they this very want what when where which will with would write your'.split(
    ' ',
  ),
);

/**
 * Three sentences about the prompt. With `kilobytes` it goes on in the same manner until it is that long exactly
 * (ASCII prompts; in others characters are counted, not bytes).
 */
export function composeText(prompt: string, random: Random, kilobytes = 0): string {
  const words = keywordsOf(prompt);
  const paragraph = () => {
    const [a, b, c] = [random.pick(words), random.pick(words), random.pick(words)];
    return `${random.pick(OPENINGS)(a, b)} ${random.pick(MIDDLES)(b, c)} ${random.pick(CLOSINGS)(a, b)}`;
  };
  if (kilobytes === 0) return paragraph();
  const length = kilobytes * 1024;
  const block = Array.from({ length: 8 }, paragraph).join(' ') + ' ';
  return block.repeat(Math.ceil(length / block.length)).slice(0, length);
}

function keywordsOf(prompt: string): readonly string[] {
  const words: string[] = [];
  for (const [word] of prompt.slice(0, SEARCHED_CHARS).matchAll(KEYWORD)) {
    if (DULL.has(word.toLowerCase()) || words.includes(word)) continue;
    words.push(word);
    if (words.length === MOST_KEYWORDS) break;
  }
  return words.length === 0 ? FALLBACK : words;
}

/** Words of a text, which is what `usage` counts. */
export function countWords(text: string): number {
  let count = 0;
  let isInside = false;
  for (let at = 0; at < text.length; at += 1) {
    const isWord = text.charCodeAt(at) > 0x20;
    if (isWord && !isInside) count += 1;
    isInside = isWord;
  }
  return count;
}

/** Cuts a text into tokens that give the text again when joined; a very long one into larger pieces. */
export function splitTokens(text: string): string[] {
  const words = text.match(/\S+\s*|\s+/g) ?? [];
  if (words.length <= MOST_PIECES) return words;
  const perPiece = Math.ceil(words.length / MOST_PIECES);
  const pieces: string[] = [];
  for (let at = 0; at < words.length; at += perPiece) pieces.push(words.slice(at, at + perPiece).join(''));
  return pieces;
}

/** A streamed megabyte in single words would be forty megabytes of frames. */
const MOST_PIECES = 2_000;

/** The text of a message's `content`: a string, or the `text` of its parts; pictures and sounds count for nothing. */
export function contentText(content: unknown): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return '';
  const parts = content as ({ text?: unknown } | null)[];
  return parts.map((part) => (typeof part?.text === 'string' ? part.text : '')).join('\n');
}

/**
 * The texts of an `input` or `prompt`: one string, a list of strings, or the same as token numbers.
 *
 * @throws SimError 400 for any other shape, naming `param`
 */
export function inputTexts(input: unknown, param: string): string[] {
  if (typeof input === 'string') return [input];
  if (!Array.isArray(input)) throw invalidType(param, 'a string or an array', input);
  if (input.length === 0) throw emptyArray(param);
  if (input.every((item) => typeof item === 'number')) return [input.join(' ')];
  return input.map((item, index) => {
    if (typeof item === 'string') return item;
    if (Array.isArray(item)) return item.join(' ');
    throw invalidType(`${param}[${index}]`, 'a string or an array of tokens', item);
  });
}
