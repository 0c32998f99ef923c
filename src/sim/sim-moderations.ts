/** `POST /v1/moderations`: low scores for everything, except texts with one of a few words. `model` may be left out. */
import { missingParameter } from './sim-error.js';
import type { Endpoint } from './sim-endpoint.js';
import { fingerprint, mix, Random } from './sim-random.js';
import { contentText, inputTexts } from './sim-text.js';

const DEFAULT_MODEL = 'omni-moderation-latest';

const CATEGORIES = [
  'harassment',
  'harassment/threatening',
  'hate',
  'hate/threatening',
  'illicit',
  'illicit/violent',
  'self-harm',
  'self-harm/instructions',
  'self-harm/intent',
  'sexual',
  'sexual/minors',
  'violence',
  'violence/graphic',
] as const;

/** Words that flag a text, each with its category. */
const FLAG_WORDS: readonly [pattern: RegExp, category: (typeof CATEGORIES)[number]][] = [
  [/\b(?:kill|attack|murder)/i, 'violence'],
  [/\b(?:bomb|steal)/i, 'illicit'],
  [/\bhate/i, 'hate'],
  [/\b(?:idiot|stupid)/i, 'harassment'],
];

export const moderationsEndpoint: Endpoint = {
  salt: 5,

  check(body) {
    if (body['input'] === undefined) throw missingParameter('input');
    moderatedTexts(body['input']);
  },

  answer(body, context) {
    const results = moderatedTexts(body['input']).map((text) => moderate(text, context.seed));
    return JSON.stringify({ id: `modr-${context.id}`, model: body['model'] ?? DEFAULT_MODEL, results });
  },
};

/** A list of `{type, text}` parts is one input, looked at as a whole. */
function moderatedTexts(input: unknown): string[] {
  const items = Array.isArray(input) ? (input as ({ type?: unknown } | null)[]) : [];
  const isParts = items.some((item) => typeof item?.type === 'string');
  return isParts ? [contentText(input)] : inputTexts(input, 'input');
}

function moderate(text: string, seed: number): object {
  const random = new Random(mix(seed, fingerprint(moderationsEndpoint.salt, text)));
  const found = new Set(FLAG_WORDS.filter(([pattern]) => pattern.test(text)).map(([, category]) => category));
  const each = <T>(valueOf: (category: (typeof CATEGORIES)[number]) => T) =>
    Object.fromEntries(CATEGORIES.map((category) => [category, valueOf(category)]));
  return {
    flagged: found.size > 0,
    categories: each((category) => found.has(category)),
    category_scores: each((category) => (found.has(category) ? 0.9 : 0) + random.next() / 100),
    category_applied_input_types: each(() => ['text']),
  };
}
