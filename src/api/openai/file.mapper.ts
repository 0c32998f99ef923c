/** Between files as they are stored and files on OpenAI's wire. */
import { toSeconds } from '../../kernel/clock.js';
import { MillraceError } from '../../kernel/errors.js';
import { isUploadPurpose, UPLOAD_PURPOSES, type UploadPurpose } from '../../modules/files/purpose.js';
import type { StoredFile } from '../../store/file.store.js';
import { judgeInteger, wrongChoice, wrongType } from '../common/field.decorators.js';
import type { FileDto } from './file.dto.js';
import type { UploadForm } from './upload-form.js';

const ANCHOR_FIELD = 'expires_after[anchor]';
const SECONDS_FIELD = 'expires_after[seconds]';
export const EXPIRES_AFTER_SECONDS = { min: 3_600, max: 2_592_000 };

/** The keys in OpenAI's order. */
export function toFileDto({ id, purpose, filename, bytes, createdAt, expiresAt }: StoredFile): FileDto {
  return {
    object: 'file',
    id,
    purpose,
    filename,
    bytes,
    created_at: toSeconds(createdAt),
    expires_at: toSeconds(expiresAt),
    status: 'processed',
    status_details: null,
  };
}

/** Refuses a form without a file or with a wrong purpose, in OpenAI's words. */
export function readUpload({ file, fields }: UploadForm): {
  file: NonNullable<UploadForm['file']>;
  purpose: UploadPurpose;
  ttlMs: number | null;
} {
  const purpose = fields.get('purpose');
  if (purpose === undefined) throw refuse("'purpose' is a required property", 'purpose');
  if (!isUploadPurpose(purpose)) {
    const known = UPLOAD_PURPOSES.map((word) => `'${word}'`).join(', ');
    throw refuse(`'${purpose.slice(0, 100)}' is not one of [${known}] - 'purpose'`, 'purpose');
  }
  if (file === null) throw refuse("'file' is a required property", 'file');
  return { file, purpose, ttlMs: readTtl(fields) };
}

function readTtl(fields: ReadonlyMap<string, string>): number | null {
  const anchor = fields.get(ANCHOR_FIELD);
  const text = fields.get(SECONDS_FIELD);
  if (anchor === undefined && text === undefined) return null;
  if (anchor === undefined) throw wrongType('expires_after.anchor', 'a string', anchor);
  if (anchor !== 'created_at') throw wrongChoice('expires_after.anchor', anchor, ['created_at']);
  if (text === undefined || !/^\d{1,15}$/.test(text)) throw wrongType('expires_after.seconds', 'an integer', text);
  const refusal = judgeInteger(Number(text), 'expires_after.seconds', EXPIRES_AFTER_SECONDS);
  if (refusal !== null) throw refusal;
  return Number(text) * 1_000;
}

function refuse(message: string, param: string): MillraceError {
  return new MillraceError('invalid_request', message, { param });
}
