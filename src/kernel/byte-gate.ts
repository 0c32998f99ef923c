/** What needs less goes by at once: a crowd of small ones must not wait behind a few large ones. */
const SMALL_BYTES = 1024 * 1024;

interface Waiting {
  bytes: number;
  enter: () => void;
}

/** Lets in work by the memory it needs, in the order of coming; what needs more than there is at all goes in alone. */
export class ByteGate {
  private used = 0;
  private readonly waiting: Waiting[] = [];

  constructor(private readonly capacity: number) {}

  async run<T>(needed: number, work: () => Promise<T>): Promise<T> {
    if (needed < SMALL_BYTES) return work();
    const bytes = Math.min(needed, this.capacity);
    await new Promise<void>((enter) => {
      this.waiting.push({ bytes, enter });
      this.letIn();
    });
    try {
      return await work();
    } finally {
      this.used -= bytes;
      this.letIn();
    }
  }

  private letIn(): void {
    for (let next = this.waiting[0]; next && this.used + next.bytes <= this.capacity; next = this.waiting[0]) {
      this.waiting.shift();
      this.used += next.bytes;
      next.enter();
    }
  }
}
