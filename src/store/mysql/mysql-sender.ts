/**
 * Sends the statements of one transaction. Those that are asked for without waiting for each other go to the server together,
 * in their order: a way to the server and back costs more than most of them.
 *
 * The first one that fails is the last one that runs: the server leaves out those that were sent behind it, and all that is
 * asked for from then on fails with the same error. So nothing is committed of which a part failed, even if nobody waited for
 * that part.
 */

/** Sends one text on the connection of the transaction. Of several statements it brings an array of answers. */
export type SendText = (sql: string, ...rest: unknown[]) => Promise<unknown>;

interface Waiting {
  sql: string;
  /** What TypeORM sends along with its statements, values among them; such a one goes alone. */
  rest: unknown[];
  resolve: (answer: unknown) => void;
  reject: (error: unknown) => void;
}

/** Characters that are sent at once at most, unless one statement is longer; for the reason of MAX_STATEMENT_LENGTH. */
const MAX_TOGETHER = 4 * 1024 * 1024;

export class MysqlSender {
  private waiting: Waiting[] = [];
  private isSending = false;
  private failure: { error: unknown } | null = null;
  private last: string | null = null;
  private latest: Promise<unknown> = Promise.resolve();

  constructor(private readonly sendText: SendText) {}

  /** Whether this was sent, as the last statement so far: only then may the server have run it although it failed here. */
  hasSent(sql: string): boolean {
    return this.last === sql;
  }

  async send(sql: string, ...rest: unknown[]): Promise<unknown> {
    if (this.failure) throw this.failure.error;
    const answer = new Promise((resolve, reject) => {
      this.waiting.push({ sql, rest, resolve, reject });
      if (!this.isSending) this.sendSoon();
    });
    this.latest = answer;
    return answer;
  }

  /** For a statement of which nobody needs the answer; if it fails, all that follows fails. */
  sendAlong(sql: string): void {
    this.send(sql).catch(() => {});
  }

  /** Resolves when all that was asked for is answered; rejects if any of it failed. */
  async answered(): Promise<void> {
    await this.latest;
    if (this.failure) throw this.failure.error;
  }

  /** What still waits is not sent any more. */
  stop(error: unknown): void {
    this.failure ??= { error };
    for (const { reject } of this.waiting.splice(0)) reject(this.failure.error);
  }

  /** When nothing goes on without an answer any more: a tick that is asked for by a promise comes after all that are ready. */
  private sendSoon(): void {
    this.isSending = true;
    queueMicrotask(() => process.nextTick(() => void this.sendNext()));
  }

  private async sendNext(): Promise<void> {
    const together = this.cut();
    if (together.length > 0) await this.sendTogether(together);
    this.isSending = false;
    if (this.waiting.length > 0) this.sendSoon();
  }

  private async sendTogether(together: readonly Waiting[]): Promise<void> {
    this.last = together.at(-1)!.sql;
    try {
      if (together.length === 1) {
        const [{ sql, rest, resolve }] = together as [Waiting];
        return resolve(await this.sendText(sql, ...rest));
      }
      const answers = (await this.sendText(together.map(({ sql }) => sql).join(';\n'))) as unknown[];
      together.forEach(({ resolve }, index) => resolve(answers[index]));
    } catch (error) {
      for (const { reject } of together) reject(error);
      this.stop(error);
    }
  }

  private cut(): Waiting[] {
    let length = 0;
    let count = 0;
    for (const { sql, rest } of this.waiting) {
      length += sql.length;
      const isAlone = rest.length > 0;
      if (count > 0 && (isAlone || length > MAX_TOGETHER)) break;
      count += 1;
      if (isAlone) break;
    }
    return this.waiting.splice(0, count);
  }
}
