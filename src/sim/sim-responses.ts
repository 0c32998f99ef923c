/** `POST /v1/responses`: plain, or as `response.*` events. Background responses are not simulated. */
import { emptyArray, invalidType, missingParameter } from './sim-error.js';
import {
  CREATED_AT_SECONDS,
  requireModel,
  type AnswerContext,
  type Endpoint,
  type RequestBody,
  type StreamScript,
} from './sim-endpoint.js';
import { composeText, contentText, countWords, splitTokens } from './sim-text.js';

export const responsesEndpoint: Endpoint = {
  salt: 3,

  check(body) {
    requireModel(body);
    const { input } = body;
    if (input === undefined) throw missingParameter('input');
    if (typeof input === 'string') return;
    if (!Array.isArray(input)) throw invalidType('input', 'a string or an array of input items', input);
    if (input.length === 0) throw emptyArray('input');
    input.forEach((item, index) => {
      if (typeof item !== 'object' || item === null) throw invalidType(`input[${index}]`, 'an object', item);
    });
  },

  answer(body, context) {
    const { text, usage } = respond(body, context);
    return JSON.stringify(responseOf(body, context, 'completed', [messageOf(context, text)], usage));
  },

  script(body, context): StreamScript {
    const { text, usage } = respond(body, context);
    const place = { item_id: `msg_${context.id}`, output_index: 0, content_index: 0 };
    const message = messageOf(context, text);
    const begun = responseOf(body, context, 'in_progress', [], null);
    const done = responseOf(body, context, 'completed', [message], usage);
    const event = eventWriter();
    // The object is evaluated in this order, which is the order of the sequence numbers.
    return {
      head:
        event('response.created', { response: begun }) +
        event('response.in_progress', { response: begun }) +
        event('response.output_item.added', {
          output_index: 0,
          item: { ...message, status: 'in_progress', content: [] },
        }) +
        event('response.content_part.added', { ...place, part: partOf('') }),
      tokens: splitTokens(text).map((delta) => event('response.output_text.delta', { ...place, delta, logprobs: [] })),
      tail:
        event('response.output_text.done', { ...place, text, logprobs: [] }) +
        event('response.content_part.done', { ...place, part: partOf(text) }) +
        event('response.output_item.done', { output_index: 0, item: message }) +
        event('response.completed', { response: done }),
    };
  },
};

/** Numbers the events of one stream from 0. */
function eventWriter(): (type: string, fields: object) => string {
  let next = 0;
  return (type, fields) => {
    const data = JSON.stringify({ type, sequence_number: next, ...fields });
    next += 1;
    return `event: ${type}\ndata: ${data}\n\n`;
  };
}

function respond(body: RequestBody, context: AnswerContext): { text: string; usage: object } {
  const input = body['input'];
  let inputTokens = countWords(contentText(body['instructions']));
  let asked = '';
  const items = typeof input === 'string' ? [{ role: 'user', content: input }] : (input as InputItem[]);
  for (const item of items) {
    const content = contentText(item.content);
    inputTokens += countWords(content);
    if (item.role === 'user') asked = content;
  }
  const text = composeText(asked, context.random, context.kilobytes);
  const outputTokens = countWords(text);
  const usage = {
    input_tokens: inputTokens,
    input_tokens_details: { cached_tokens: 0 },
    output_tokens: outputTokens,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: inputTokens + outputTokens,
  };
  return { text, usage };
}

interface InputItem {
  role?: unknown;
  content?: unknown;
}

function partOf(text: string): object {
  return { type: 'output_text', text, annotations: [], logprobs: [] };
}

function messageOf(context: AnswerContext, text: string): object {
  return { id: `msg_${context.id}`, type: 'message', status: 'completed', role: 'assistant', content: [partOf(text)] };
}

function responseOf(
  body: RequestBody,
  context: AnswerContext,
  status: 'in_progress' | 'completed',
  output: object[],
  usage: object | null,
): object {
  return {
    id: `resp_${context.id}`,
    object: 'response',
    created_at: CREATED_AT_SECONDS,
    status,
    background: false,
    error: null,
    incomplete_details: null,
    instructions: body['instructions'] ?? null,
    max_output_tokens: body['max_output_tokens'] ?? null,
    model: body['model'],
    output,
    parallel_tool_calls: true,
    previous_response_id: null,
    reasoning: { effort: null, summary: null },
    store: body['store'] ?? true,
    temperature: body['temperature'] ?? 1,
    text: { format: { type: 'text' } },
    tool_choice: 'auto',
    tools: [],
    top_p: body['top_p'] ?? 1,
    truncation: 'disabled',
    usage,
    user: null,
    metadata: body['metadata'] ?? {},
  };
}
