/** A batch that goes through faults in a deployment: submitted through one process, watched through any, judged at the end. */
import OpenAI from 'openai';
import type { Batch } from 'openai/resources/batches';
import { checkBatch, type BatchReport } from './batch-checker.js';
import { createBatch, hasEnded, textOf, upload } from './batches.js';
import type { ChatLine } from './chat-lines.js';
import type { Deployment } from './deployment.js';
import { Remains } from './remains.js';
import { until } from './until.js';

const PATIENCE_MS = 90_000;
const PATIENCE_MS_A_LINE = 10;

export class DeploymentBatch {
  /** What the processes answered while they were asked about the batch, with how often; a client sees no other answers. */
  readonly answers: Record<string, number> = {};
  private asked = 0;

  private constructor(
    readonly deployment: Deployment,
    readonly lines: readonly ChatLine[],
    readonly fileId: string,
    public batch: Batch,
  ) {}

  /** Through the first api process. The simulator forgets what it was asked before. */
  static async submit(deployment: Deployment, lines: readonly ChatLine[]): Promise<DeploymentBatch> {
    await deployment.sim.control.reset();
    const client = deployment.apis[0]!.openai;
    const fileId = await upload(
      client,
      lines.map(({ text }) => text),
    );
    return new DeploymentBatch(deployment, lines, fileId, await createBatch(client, fileId));
  }

  /** Resolves when so many lines are done. */
  async reached(completed: number): Promise<void> {
    await this.until(({ request_counts }) => request_counts!.completed >= completed);
  }

  /** A long batch takes its time, on a busy machine twice. */
  private get patienceMs(): number {
    return PATIENCE_MS + this.lines.length * PATIENCE_MS_A_LINE;
  }

  /** The batch as soon as it `isRight`, asked of one api process after the other. Only outages are passed over, and noted. */
  async until(isRight: (batch: Batch) => boolean = hasEnded, patienceMs = this.patienceMs): Promise<Batch> {
    await until(
      () => this.look(),
      (batch) => batch !== null && isRight(batch),
      patienceMs,
    );
    return this.batch;
  }

  /**
   * Waits for the end and checks everything: files, counts, calls, rows and blobs. The processes may go on.
   *
   * @param faults how often something happened for which a process may have lost its leases
   * @param paths the rare paths that this run is about, from what was lost
   */
  async judge(faults: number, paths: (seen: { losses: number }) => Record<string, number>): Promise<BatchReport> {
    const batch = await this.until();
    const { openai } = await this.living();
    const [output, error] = await Promise.all(
      [batch.output_file_id, batch.error_file_id].map((id) => (id ? textOf(openai, id) : Promise.resolve(''))),
    );
    const own = `batch_seq = (SELECT seq FROM batch WHERE id = '${batch.id}')`;
    const { losses, retried, problems } = await Remains.examine(this.deployment.place, async (remains) => ({
      losses: await attempts(remains, 'lost', own),
      retried: await attempts(remains, 'failed', own),
      problems: await remains.problems(),
    }));
    const lost = Object.values(losses).reduce((sum, count) => sum + count, 0);
    const report = checkBatch({
      lines: this.lines,
      batch,
      output: output!,
      error: error!,
      losses,
      calls: await this.deployment.sim.control.calls(),
      kills: faults,
      retried: new Set(Object.keys(retried)),
      paths: paths({ losses: lost }),
    });
    return { ...report, problems: [...report.problems, ...problems] };
  }

  private async living() {
    return until(
      () => this.deployment.apis.find((api) => api.isRunning) ?? null,
      (api) => api !== null,
    ).then((api) => api!);
  }

  private async look(): Promise<Batch | null> {
    const { apis } = this.deployment;
    const api = apis[(this.asked += 1) % apis.length]!;
    try {
      this.batch = await api.openai.batches.retrieve(this.batch.id, { timeout: 20_000 });
      this.note('200');
      return this.batch;
    } catch (error) {
      if (error instanceof OpenAI.APIConnectionError) this.note('no answer');
      else if (error instanceof OpenAI.APIError && error.status === 503 && error.headers.get('retry-after'))
        this.note('503 with Retry-After');
      else throw error;
      return null;
    }
  }

  private note(answer: string): void {
    this.answers[answer] = (this.answers[answer] ?? 0) + 1;
  }
}

/** How often each line's attempt ended so, by custom id. */
async function attempts(remains: Remains, outcome: string, where: string): Promise<Record<string, number>> {
  const rows = await remains.rows<{ customId: string; count: number }>(
    `SELECT custom_id AS customId, COUNT(*) AS count FROM attempt JOIN task ON task.seq = task_seq
     WHERE outcome = '${outcome}' AND ${where} GROUP BY task_seq, custom_id`,
  );
  return Object.fromEntries(rows.map(({ customId, count }) => [customId, count]));
}
