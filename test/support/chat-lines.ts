/** Lines for chat completions that the simulator counts one by one, with the answer that it gives to each. */
import { chatEndpoint } from '../../src/sim/sim-chat.js';
import { fingerprint } from '../../src/sim/sim-random.js';
import type { SentLine } from './batch-checker.js';

export interface ChatLine extends SentLine {
  /** As in the input file, without the line feed. */
  text: string;
}

/** How some lines differ from the others; asked for each line by its number. */
export interface LineKinds {
  /** How the simulator treats the line, in the words of its `metadata.sim`. */
  words?: (n: number) => string | null;
  /** Characters that the line is longer for. Large bodies are streamed, small ones are read many at a time. */
  padding?: (n: number) => number;
}

/** `count` lines, numbered from 1. */
export function chatLines(count: number, { words = () => null, padding = () => 500 }: LineKinds = {}): ChatLine[] {
  return Array.from({ length: count }, (_, index) => chatLine(index + 1, words(index + 1), padding(index + 1)));
}

function chatLine(n: number, words: string | null, padding: number): ChatLine {
  const customId = `line-${n}`;
  const metadata = { id: customId, ...(words === null ? {} : { sim: words }) };
  const messages = [
    { role: 'system', content: 'All work and no play makes a mill go dry. '.padEnd(padding, '.') },
    { role: 'user', content: customId },
  ];
  const body = JSON.stringify({ model: 'm', messages, metadata });
  const head = `"custom_id":${JSON.stringify(customId)},"method":"POST","url":"/v1/chat/completions"`;
  return { customId, text: `{${head},"body":${body}}`, answerId: answerIdOf(body) };
}

/** The simulator makes the id of its answer from the bytes of the question. */
function answerIdOf(body: string): string {
  return `chatcmpl-${fingerprint(chatEndpoint.salt, Buffer.from(body)).toString(16).padStart(12, '0')}`;
}
