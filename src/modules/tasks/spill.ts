/** Large bodies and answers are kept in blobs, not in rows. */
import { createHash } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { Injectable } from '@nestjs/common';
import { MillraceError } from '../../kernel/errors.js';
import { newId } from '../../kernel/ids.js';
import { BlobStore } from '../../ports/blob-store.js';

/** From this size on, in characters. Result files are written from pages of 500 answers, which must fit in memory. */
export const INLINE_CHARACTERS = 32 * 1024;

export function isLarge(text: string | null): text is string {
  return text !== null && text.length > INLINE_CHARACTERS;
}

/** A text where it is kept: exactly one of the two is set, or none where there is no text. */
export interface KeptText {
  body: string | null;
  blobKey: string | null;
}

/** Counted for a blob whose key does not tell its size. */
const UNKNOWN_BYTES = 8 * 1024 * 1024;
const KEY = /_(\d{1,12})_[0-9a-f]{32}$/;

/** How much memory it takes to read, about: bytes of a blob, characters of what is kept in a row. */
export function sizeOfKept({ body, blobKey }: KeptText): number {
  return blobKey === null ? (body?.length ?? 0) : Number(KEY.exec(blobKey)?.[1] ?? UNKNOWN_BYTES);
}

/** A text that was kept in a blob is missing, or is not what was written. */
export class LostText extends Error {}

/** What is told in place of an answer that was lost. */
export const ANSWER_LOST = {
  statusCode: null,
  body: null,
  errorCode: 'answer_lost',
  errorMessage: 'The answer was recorded, but the disk has lost or changed it since.',
};

@Injectable()
export class Spill {
  constructor(private readonly blobs: BlobStore) {}

  async keep(text: string | null): Promise<KeptText> {
    return isLarge(text) ? { body: null, blobKey: await this.write(text) } : { body: text, blobKey: null };
  }

  /** Rejects with LostText when the disk has lost or changed it. */
  async read({ body, blobKey }: KeptText): Promise<string | null> {
    if (blobKey === null) return body;
    const bytes = await this.bytesOf(blobKey);
    if (!blobKey.endsWith(`_${hashOf(bytes)}`)) throw new LostText(`the stored text ${blobKey} is damaged`);
    return bytes.toString();
  }

  /** As one stream: one request where the store is far away. */
  private async bytesOf(blobKey: string): Promise<Buffer> {
    try {
      return await buffer(await this.blobs.read(blobKey));
    } catch (error) {
      const isMissing = error instanceof MillraceError && error.code === 'not_found';
      throw isMissing ? new LostText(`the stored text ${blobKey} is missing`, { cause: error }) : error;
    }
  }

  /**
   * The key ends with the text's size, which tells what fits before anything is read, and its hash: that tells damage, and
   * who hands in the same text twice from who does not.
   */
  private async write(text: string): Promise<string> {
    const bytes = Buffer.from(text);
    const key = `spill_${newId('blob')}_${bytes.length}_${hashOf(bytes)}`;
    const writer = await this.blobs.create(key);
    try {
      await writer.write(bytes);
      await writer.commit();
    } catch (error) {
      await writer.abort();
      throw error;
    }
    return key;
  }
}

function hashOf(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex').slice(0, 32);
}
