import { MillraceError } from '../../kernel/errors.js';

/** As in file systems. */
const MAX_BYTES = 255;

/**
 * The name under which a file is shown and downloaded; never part of a path. Composed (NFC), so that the same name typed
 * on two systems is the same. Refuses with `invalid_value`.
 */
export function cleanFileName(given: string): string {
  const name = given.normalize('NFC').trim();
  if (name === '') throw refuse('it is empty');
  if (Buffer.byteLength(name) > MAX_BYTES) throw refuse(`it is longer than ${MAX_BYTES} bytes`);
  // Control characters, and halves of characters that no text can hold.
  if (/\p{Cc}|\p{Cs}/u.test(name)) throw refuse('it has characters that a name cannot have');
  return name;
}

function refuse(why: string): MillraceError {
  return new MillraceError('invalid_value', `The name of the file cannot be used: ${why}.`, { param: 'file' });
}
