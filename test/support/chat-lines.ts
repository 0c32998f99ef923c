/** Lines for chat completions that the simulator counts one by one, with the answer that it gives to each. */
import { chatEndpoint } from '../../src/sim/sim-chat.js';
import { fingerprint } from '../../src/sim/sim-random.js';
import type { SentLine } from './batch-checker.js';

export interface ChatLine extends SentLine {
  /** As in the input file, without the line feed. */
  text: string;
}

/**
 * `count` lines, numbered from 1.
 *
 * @param wordsOf tells the simulator how to treat the nth line, in the words of its `metadata.sim`
 */
export function chatLines(count: number, wordsOf: (n: number) => string | null = () => null): ChatLine[] {
  return Array.from({ length: count }, (_, index) => chatLine(`line-${index + 1}`, wordsOf(index + 1)));
}

/** Some more bytes for each line, so that a file is read, sent and stored in several pieces. */
const PADDING = 'All work and no play makes a mill go dry. '.repeat(12);

function chatLine(customId: string, words: string | null): ChatLine {
  const metadata = { id: customId, ...(words === null ? {} : { sim: words }) };
  const messages = [
    { role: 'system', content: PADDING },
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
