/**
 * Bytes flow into the parts of a multipart upload; a blob that fits into one part is put in one request instead. Either way
 * S3 shows it only when it is whole. In memory are the part that is being filled and the one that is on its
 * way: more would make one upload faster, and all of them together hungry for memory.
 */
import { randomUUID } from 'node:crypto';
import type { CompletedPart } from '@aws-sdk/client-s3';
import { crashPoint } from '../../../kernel/crash-point.js';
import { EndingWriter } from '../../local/ending-writer.js';
import { PartBuffer } from './part-buffer.js';
import type { PartMemory } from './part-memory.js';
import type { S3Access } from './s3-access.js';
import { isUploadGone } from './s3-errors.js';

export interface S3BlobPlace {
  access: S3Access;
  memory: PartMemory;
  key: string;
  /** Told once, when the writer has ended either way. */
  onEnd: (writer: S3BlobWriter) => void;
  /** Told when an upload could not be aborted; the sweep will do it. */
  onLeftBehind: (error: unknown) => void;
}

export class S3BlobWriter extends EndingWriter {
  private readonly id = randomUUID();
  private readonly part: PartBuffer;
  private readonly parts: CompletedPart[] = [];
  /** The part that is on its way; never rejects. */
  private sending: Promise<void> = Promise.resolve();
  private uploadId: string | null = null;
  /** What the first part that could not be sent has died of. */
  private failure: { error: unknown } | null = null;

  constructor(private readonly place: S3BlobPlace) {
    super();
    this.part = new PartBuffer(place.memory);
  }

  protected override async append(chunk: Buffer): Promise<void> {
    for (let from = 0; from < chunk.length;) {
      // Not before more comes, because a blob of exactly one part is a small one.
      if (this.part.isFull) await this.sendPart();
      from += this.part.add(chunk.subarray(from));
    }
  }

  private async sendPart(): Promise<void> {
    const { access, key } = this.place;
    await this.sending;
    if (this.failure) throw this.failure.error;
    this.uploadId ??= await access.beginUpload(key, this.id);
    this.sending = this.transmit(this.uploadId, this.parts.push({}), this.part.take());
  }

  /** Never rejects: what goes wrong is for the next write or the commit to tell. */
  private async transmit(uploadId: string, number: number, bytes: Buffer): Promise<void> {
    try {
      this.parts[number - 1] = await this.place.access.putPart(this.place.key, uploadId, number, bytes);
      this.place.memory.giveBack(bytes);
    } catch (error) {
      this.failure ??= { error };
    }
  }

  protected override async finish(): Promise<void> {
    const { access, memory, key } = this.place;
    crashPoint('blob.before_commit');
    if (this.uploadId === null) {
      const bytes = this.part.take();
      await access.put(key, bytes, this.id);
      memory.giveBack(bytes);
    } else {
      await this.sendPart();
      await this.sending;
      if (this.failure) throw this.failure.error;
      await this.complete(this.uploadId);
    }
    crashPoint('blob.after_commit');
  }

  /** When the answer is lost, the SDK asks again for what is done already. */
  private async complete(uploadId: string): Promise<void> {
    const { access, key } = this.place;
    try {
      await access.completeUpload(key, uploadId, this.parts);
    } catch (error) {
      if (!isUploadGone(error) || (await access.writerOf(key)) !== this.id) throw error;
    }
  }

  /** Never rejects: nobody will ever see what is left where S3 cannot be reached, and the sweep takes it away. */
  protected override async discard(): Promise<void> {
    await this.sending;
    try {
      await this.takeBack();
    } catch (error) {
      this.place.onLeftBehind(error);
    }
  }

  private async takeBack(): Promise<void> {
    const { access, key } = this.place;
    if (this.uploadId !== null) {
      try {
        await access.abortUpload(key, this.uploadId);
        return;
      } catch (error) {
        if (!isUploadGone(error)) throw error;
      }
    }
    // A commit whose answer never came may have been done all the same.
    if (this.wasToBeCommitted && (await access.writerOf(key)) === this.id) await access.delete(key);
  }

  protected override ended(): void {
    this.part.clear();
    this.place.onEnd(this);
  }
}
