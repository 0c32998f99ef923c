/** Large bodies and answers are kept in blobs, not in rows. */
import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { newId } from '../../kernel/ids.js';
import { BlobStore } from '../../ports/blob-store.js';

/** From this size on, in characters. */
export const INLINE_CHARACTERS = 32 * 1024;

/** A text where it is kept: exactly one of the two is set, or none where there is no text. */
export interface KeptText {
  body: string | null;
  blobKey: string | null;
}

@Injectable()
export class Spill {
  constructor(private readonly blobs: BlobStore) {}

  async keep(text: string | null): Promise<KeptText> {
    if (text === null || text.length <= INLINE_CHARACTERS) return { body: text, blobKey: null };
    return { body: null, blobKey: await this.write(text) };
  }

  async read({ body, blobKey }: KeptText): Promise<string | null> {
    if (blobKey === null) return body;
    const stat = await this.blobs.stat(blobKey);
    return (await this.blobs.readRange(blobKey, 0, stat?.bytes ?? 0)).toString();
  }

  /** The key ends with the text's hash, so that who hands in the same text twice can be told from who does not. */
  private async write(text: string): Promise<string> {
    const bytes = Buffer.from(text);
    const key = `spill_${newId('blob')}_${createHash('sha256').update(bytes).digest('hex').slice(0, 32)}`;
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
