/** `POST /v1/embeddings`: unit vectors that depend on the seed and the text alone, so equal texts are equal everywhere. */
import { invalidType, missingParameter, SimError } from './sim-error.js';
import { requireModel, type Endpoint } from './sim-endpoint.js';
import { fingerprint, mix, Random } from './sim-random.js';
import { countWords, inputTexts } from './sim-text.js';

/** What OpenAI's small embedding model gives when `dimensions` is left out. */
const DEFAULT_DIMENSIONS = 1_536;
const MOST_DIMENSIONS = 16_384;

export const embeddingsEndpoint: Endpoint = {
  salt: 4,

  check(body) {
    requireModel(body);
    if (body['input'] === undefined) throw missingParameter('input');
    inputTexts(body['input'], 'input');
    const { dimensions, encoding_format: format } = body;
    if (dimensions !== undefined) checkDimensions(dimensions);
    if (format !== undefined && format !== 'float' && format !== 'base64') {
      const message = `Invalid value: ${JSON.stringify(format)}. Supported values are: 'float' and 'base64'.`;
      throw new SimError(400, message, 'invalid_value', 'encoding_format');
    }
  },

  answer(body, context) {
    const texts = inputTexts(body['input'], 'input');
    const dimensions = (body['dimensions'] as number | undefined) ?? DEFAULT_DIMENSIONS;
    const data = texts.map((text, index) => {
      const vector = unitVector(text, dimensions, context.seed);
      return { object: 'embedding', index, embedding: encode(vector, body['encoding_format'] === 'base64') };
    });
    const tokens = texts.reduce((sum, text) => sum + countWords(text), 0);
    return JSON.stringify({
      object: 'list',
      data,
      model: body['model'],
      usage: { prompt_tokens: tokens, total_tokens: tokens },
    });
  },
};

function checkDimensions(value: unknown): void {
  if (!Number.isInteger(value)) throw invalidType('dimensions', 'an integer', value);
  if ((value as number) >= 1 && (value as number) <= MOST_DIMENSIONS) return;
  const message = `Invalid 'dimensions': expected 1 to ${MOST_DIMENSIONS}, but got ${String(value)} instead.`;
  throw new SimError(400, message, 'invalid_value', 'dimensions');
}

function unitVector(text: string, dimensions: number, seed: number): Float32Array {
  const random = new Random(mix(seed, fingerprint(embeddingsEndpoint.salt, text)));
  const vector = Float32Array.from({ length: dimensions }, () => random.next() * 2 - 1);
  const length = Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0));
  return vector.map((value) => value / length);
}

/** Numbers, or the little-endian 32-bit floats that OpenAI's SDK asks for unless told otherwise. */
function encode(vector: Float32Array, asBase64: boolean): number[] | string {
  if (asBase64) return Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength).toString('base64');
  return Array.from(vector, (value) => Number(value.toPrecision(9)));
}
