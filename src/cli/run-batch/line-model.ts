import { findBody } from '../../engines/ingest/body-span.js';
import { messageOf } from '../../kernel/errors.js';
import { CliError } from '../cli-error.js';

/**
 * A line whose body asks for `model`. Only that is written into it: all else stays as it is, down to numbers above 2^53.
 *
 * @throws CliError for a line that asks for another model, or that has no body to put one into
 */
export function withModel(line: Buffer, model: string, number: number): Buffer {
  const text = line.toString('latin1'); // a character a byte, so that places in it are offsets
  const body = bodyIn(line, number);
  const span = body === null ? null : findBody(text);
  if (span === null || body === null) throw new CliError(`Line ${number} has no object 'body' to put the model into.`);
  if (body.model === model) return line;
  if (body.model !== undefined) {
    throw new CliError(
      `Line ${number} asks for the model ${JSON.stringify(body.model)}. Leave out --model, or take it out of the line.`,
    );
  }
  const isEmpty = Object.keys(body).length === 0;
  const place = span.start + 1;
  const inserted = Buffer.from(`"model":${JSON.stringify(model)}${isEmpty ? '' : ','}`);
  return Buffer.concat([line.subarray(0, place), inserted, line.subarray(place)]);
}

function bodyIn(line: Buffer, number: number): { model?: unknown } | null {
  let parsed: { body?: unknown } | null;
  try {
    parsed = JSON.parse(line.toString('utf8')) as typeof parsed;
  } catch (error) {
    throw new CliError(`Line ${number} is not JSON: ${messageOf(error)}`);
  }
  const body = typeof parsed === 'object' ? parsed?.body : null;
  return typeof body === 'object' && body !== null && !Array.isArray(body) ? body : null;
}
