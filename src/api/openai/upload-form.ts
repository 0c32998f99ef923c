/**
 * The form of an upload. Its fields come in any order, and its length may be unknown, so the file is spooled before it is
 * known whether anything else about it is right.
 */
import type { Multipart, MultipartFile } from '@fastify/multipart';
import type { FastifyRequest } from 'fastify';
import { MillraceError } from '../../kernel/errors.js';
import type { SpooledFile } from '../../modules/files/spooled-file.js';
import { unsupportedMediaType } from '../common/error.filter.js';

export interface UploadForm {
  /** Null when the form had no file. */
  file: { spooled: SpooledFile; filename: string } | null;
  /** All other fields by name. */
  fields: ReadonlyMap<string, string>;
}

const FILE_FIELD = 'file';
/** What a file is called that was sent without a name. */
const NO_NAME = 'upload';
/** Far above what any client sends. The size of the file is the business of the FilesService. */
const LIMITS = {
  limits: { fields: 20, fieldNameSize: 100, fieldSize: 64 * 1024, parts: 21, headerPairs: 50, fileSize: Infinity },
};

/**
 * Reads the form to its end, its file into what `spool` begins, then calls `use`; what `use` returns is the result. Whatever goes wrong, the client's
 * leaving included, nothing of the file is left behind.
 */
export async function withUploadForm<R>(
  request: FastifyRequest,
  spool: () => Promise<SpooledFile>,
  use: (form: UploadForm) => Promise<R>,
): Promise<R> {
  if (!request.isMultipart()) throw unsupportedMediaType(request, 'multipart/form-data');
  const form = { file: null as UploadForm['file'], fields: new Map<string, string>() };
  try {
    for await (const part of readingForm(request.parts(LIMITS))) {
      if (part.type === 'field') form.fields.set(part.fieldname, textOf(part));
      else await spoolInto(form, part, spool);
    }
    return await use(form);
  } catch (error) {
    await form.file?.spooled.abort();
    throw error;
  }
}

/** The file is in the form before its first byte is taken in, so that it goes when the form is given up. */
async function spoolInto(
  form: { file: UploadForm['file'] },
  part: MultipartFile,
  spool: () => Promise<SpooledFile>,
): Promise<void> {
  const { fieldname, filename, file } = part;
  if (fieldname !== FILE_FIELD) throw new MillraceError('invalid_request', `Unexpected file field: '${fieldname}'.`);
  if (form.file !== null) {
    throw new MillraceError('invalid_request', 'The form has more than one file.', { param: FILE_FIELD });
  }
  const spooled = await spool();
  form.file = { spooled, filename: filename || NO_NAME };
  for await (const chunk of readingForm<Buffer>(file)) await spooled.write(chunk);
}

function textOf({ fieldname, value, valueTruncated }: Extract<Multipart, { type: 'field' }>): string {
  if (typeof value === 'string' && !valueTruncated) return value;
  throw new MillraceError('invalid_value', `Invalid '${fieldname}': it is not a short text.`, { param: fieldname });
}

/** Tells errors of what was sent from errors of taking it in: those of the parser are the client's. */
async function* readingForm<T>(source: AsyncIterable<T>): AsyncGenerator<T> {
  const iterator = source[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await iterator.next().catch((cause: unknown) => {
        throw new MillraceError('invalid_request', 'We could not read the multipart form of your request.', { cause });
      });
      if (next.done) return;
      yield next.value;
    }
  } finally {
    await iterator.return?.();
  }
}
