/** `POST /v1/chat/completions`. */
import { emptyArray, invalidType, missingParameter } from './sim-error.js';
import {
  CREATED_AT_SECONDS,
  DONE_FRAME,
  frame,
  requireModel,
  type AnswerContext,
  type Endpoint,
  type RequestBody,
} from './sim-endpoint.js';
import { composeText, contentText, countWords, splitTokens } from './sim-text.js';

export const chatEndpoint: Endpoint = {
  salt: 1,

  check(body) {
    requireModel(body);
    const { messages } = body;
    if (messages === undefined) throw missingParameter('messages');
    if (!Array.isArray(messages)) throw invalidType('messages', 'an array of objects', messages);
    if (messages.length === 0) throw emptyArray('messages');
    messages.forEach((message: unknown, index) => {
      if (typeof message !== 'object' || message === null)
        throw invalidType(`messages[${index}]`, 'an object', message);
      if (!('role' in message) || typeof message.role !== 'string') throw missingParameter(`messages[${index}].role`);
    });
  },

  /** Put together by hand around the parts that change: benches measure against this. */
  answer(body, context) {
    const { text, promptTokens } = converse(body, context);
    return (
      `{"id":"chatcmpl-${context.id}","object":"chat.completion","created":${CREATED_AT_SECONDS},` +
      `"model":${JSON.stringify(body['model'])},"choices":[{"index":0,"message":{"role":"assistant","content":` +
      `${JSON.stringify(text)},"refusal":null,"annotations":[]},"logprobs":null,"finish_reason":"stop"}],` +
      `"usage":${JSON.stringify(usageOf(promptTokens, countWords(text)))},"service_tier":"default","system_fingerprint":"fp_sim"}`
    );
  },

  script(body, context) {
    const { text, promptTokens } = converse(body, context);
    const includesUsage = wantsUsage(body);
    const chunk = (choices: object[], usage: object | null = null) =>
      frame({
        id: `chatcmpl-${context.id}`,
        object: 'chat.completion.chunk',
        created: CREATED_AT_SECONDS,
        model: body['model'],
        service_tier: 'default',
        system_fingerprint: 'fp_sim',
        choices,
        ...(includesUsage ? { usage } : {}),
      });
    const delta = (part: object, finish: string | null = null) =>
      chunk([{ index: 0, delta: part, logprobs: null, finish_reason: finish }]);

    const tokens = splitTokens(text).map((token) => delta({ content: token }));
    tokens[0] = delta({ role: 'assistant', content: '', refusal: null }) + (tokens[0] ?? '');
    const usage = includesUsage ? chunk([], usageOf(promptTokens, countWords(text))) : '';
    return { head: '', tokens, tail: delta({}, 'stop') + usage + DONE_FRAME };
  },
};

/** Reads the whole conversation for its length, and its last user message for its words. */
function converse(body: RequestBody, context: AnswerContext): { text: string; promptTokens: number } {
  let promptTokens = 0;
  let asked = '';
  for (const message of body['messages'] as { role: string; content?: unknown }[]) {
    const content = contentText(message.content);
    promptTokens += countWords(content);
    if (message.role === 'user') asked = content;
  }
  return { text: composeText(asked, context.random, context.kilobytes), promptTokens };
}

/** Whether `stream_options.include_usage` is set. */
export function wantsUsage(body: RequestBody): boolean {
  const options = body['stream_options'] as { include_usage?: unknown } | null | undefined;
  return options?.include_usage === true;
}

/** `usage` as chat and legacy completions give it. */
export function usageOf(promptTokens: number, completionTokens: number): object {
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
    prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
    completion_tokens_details: {
      reasoning_tokens: 0,
      audio_tokens: 0,
      accepted_prediction_tokens: 0,
      rejected_prediction_tokens: 0,
    },
  };
}
