/** `POST /v1/completions`, the legacy form: one choice for each prompt. */
import { usageOf, wantsUsage } from './sim-chat.js';
import { missingParameter } from './sim-error.js';
import {
  CREATED_AT_SECONDS,
  DONE_FRAME,
  frame,
  requireModel,
  type AnswerContext,
  type Endpoint,
  type RequestBody,
} from './sim-endpoint.js';
import { composeText, countWords, inputTexts, splitTokens } from './sim-text.js';

export const completionsEndpoint: Endpoint = {
  salt: 2,

  check(body) {
    requireModel(body);
    if (body['prompt'] === undefined) throw missingParameter('prompt');
    inputTexts(body['prompt'], 'prompt');
  },

  answer(body, context) {
    const { texts, usage } = complete(body, context);
    return JSON.stringify({
      ...opening(body, context),
      choices: texts.map((text, index) => ({ text, index, logprobs: null, finish_reason: 'stop' })),
      usage,
    });
  },

  script(body, context) {
    const { texts, usage } = complete(body, context);
    const includesUsage = wantsUsage(body);
    const chunk = (choices: object[], chunkUsage: object | null = null) =>
      frame({ ...opening(body, context), choices, ...(includesUsage ? { usage: chunkUsage } : {}) });
    const piece = (text: string, index: number, finish: string | null = null) =>
      chunk([{ text, index, logprobs: null, finish_reason: finish }]);
    return {
      head: '',
      tokens: texts.flatMap((text, index) => splitTokens(text).map((token) => piece(token, index))),
      tail:
        texts.map((_, index) => piece('', index, 'stop')).join('') +
        (includesUsage ? chunk([], usage) : '') +
        DONE_FRAME,
    };
  },
};

function complete(body: RequestBody, context: AnswerContext): { texts: string[]; usage: object } {
  const prompts = inputTexts(body['prompt'], 'prompt');
  const texts = prompts.map((prompt) => composeText(prompt, context.random, context.kilobytes));
  return { texts, usage: usageOf(wordsOf(prompts), wordsOf(texts)) };
}

function wordsOf(texts: readonly string[]): number {
  return texts.reduce((sum, text) => sum + countWords(text), 0);
}

function opening(body: RequestBody, context: AnswerContext): object {
  return {
    id: `cmpl-${context.id}`,
    object: 'text_completion',
    created: CREATED_AT_SECONDS,
    model: body['model'],
    system_fingerprint: 'fp_sim',
  };
}
