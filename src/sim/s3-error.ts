/** An answer in S3's words for what cannot be done. */
export class S3Error extends Error {
  constructor(
    readonly status: number,
    /** As S3 names it, e.g. `NoSuchKey`. */
    readonly code: string,
    message: string,
  ) {
    super(message);
    this.name = 'S3Error';
  }
}
