/**
 * One batch on one data folder, through the lives and deaths of several servers, up to the report on it.
 *
 *   const run = await FaultRun.prepare({ sim, lines });
 *   await run.dieAt('dispatch:leased:40');   // a server starts, takes the batch and is killed there
 *   await run.restart();
 *   const report = await run.finish(({ rescued }) => ({ 'leases that the second server took back': rescued }));
 *   await run.close();
 */
import { setTimeout as delay } from 'node:timers/promises';
import OpenAI from 'openai';
import type { Batch } from 'openai/resources/batches';
import { awaited, createBatch, textOf, upload } from './batches.js';
import { checkBatch, type BatchReport } from './batch-checker.js';
import type { ChatLine } from './chat-lines.js';
import { EndedTooSoon } from './child-program.js';
import { Remains } from './remains.js';
import { TestServer, type ServerEnv } from './server.js';
import type { SimProcess } from './sim-process.js';
import { newPlace } from './new-place.js';
import type { Place } from './place.js';

export interface FaultRunOptions {
  sim: SimProcess;
  lines: readonly ChatLine[];
  env?: ServerEnv;
  /** Where the server keeps its data; a new one by default. */
  place?: Place;
}

/** What a run has come through. */
export interface Seen {
  /** How often a server was killed. */
  kills: number;
  /** How many lost leases the servers said that they took back at their start. */
  rescued: number;
  /** Lines that were tried again because the upstream failed. */
  failures: number;
  batch: Batch;
}

export interface FinishOptions {
  /** Set when the simulator was killed, and its memory with it. */
  isUpstreamForgetful?: boolean;
  /** Lines that were called again for a reason that leaves no trace in the store. */
  retried?: Iterable<string>;
}

/** A crash point that was passed has killed within this time. */
const DEATH_MS = 15_000;
const BATCH_PATIENCE_MS = 60_000;

export class FaultRun {
  /** How often a server was killed. */
  kills = 0;
  /** How many lost leases the servers said that they found at their start. */
  rescuedAsSaid = 0;
  fileId: string | null = null;
  batch: Batch | null = null;

  private constructor(
    readonly sim: SimProcess,
    readonly lines: readonly ChatLine[],
    readonly server: TestServer,
  ) {}

  /** No server runs yet. The simulator forgets what it was asked before. */
  static async prepare({ sim, lines, env = {}, place }: FaultRunOptions): Promise<FaultRun> {
    await sim.control.reset();
    const upstream = { MILLRACE_UPSTREAM_URL: sim.url, MILLRACE_UPSTREAM_CONCURRENCY: '16' };
    return new FaultRun(sim, lines, TestServer.prepare({ ...upstream, ...env }, place ?? (await newPlace())));
  }

  get client(): OpenAI {
    return this.server.openai;
  }

  /** Starts a server that is not to die by itself. */
  async restart(env: ServerEnv = {}): Promise<void> {
    await this.server.restart({ MILLRACE_TEST_CRASH_AT: '', ...env });
    this.noteRescued();
  }

  /**
   * Uploads the lines and starts a batch over them, or goes on where an earlier life broke off: a client that got no answer
   * looks whether its upload was heard, and asks for the batch again under the same key.
   */
  async submit(): Promise<void> {
    const text = this.lines.map((line) => `${line.text}\n`).join('');
    this.fileId ??= only(await this.client.files.list({ purpose: 'batch' }))?.id ?? (await upload(this.client, text));
    this.batch ??= await createBatch(this.client, this.fileId, { headers: { 'Idempotency-Key': 'the batch' } });
  }

  /** Submits the lines unless that was done, and waits for the end of the batch. */
  async complete(): Promise<Batch> {
    await this.submit();
    return this.ended();
  }

  /** The batch as soon as it `isRight`; by default, as soon as it has ended. */
  async ended(isRight?: (batch: Batch) => boolean): Promise<Batch> {
    this.batch = await awaited(this.client, this.batch!, isRight, BATCH_PATIENCE_MS);
    return this.batch;
  }

  async kill(): Promise<void> {
    await this.server.kill();
    this.kills += 1;
  }

  /** Starts a server and kills it so many milliseconds later, however far it has come. Resolves with whether it was ready. */
  async killAfter(ms: number): Promise<boolean> {
    const isReady = this.server.restart({ MILLRACE_TEST_CRASH_AT: '' }).then(() => true, refuseOthers);
    await delay(ms);
    await this.kill();
    this.noteRescued();
    return isReady;
  }

  /**
   * Starts a server that kills itself at this crash point, and does some work with it until then. How far the work came
   * nobody knows but the folder.
   */
  async dieAt(point: string, work: () => Promise<unknown> = () => this.complete()): Promise<void> {
    await dieAt(this.server, point, work);
    this.kills += 1;
    this.noteRescued();
  }

  examine<R>(look: (remains: Remains) => R | Promise<R>): Promise<R> {
    return Remains.examine(this.server.place, look);
  }

  /**
   * Waits for the end of the batch, stops the server and checks everything: the files, the counts, the calls and the folder.
   *
   * @param pathsOf the rare paths that this run is about, from what was seen
   */
  async finish(
    pathsOf: (seen: Seen) => Readonly<Record<string, number>>,
    options: FinishOptions = {},
  ): Promise<BatchReport> {
    const batch = await this.complete();
    only(await this.client.batches.list());
    const [output, error] = await Promise.all([
      this.fileText(batch.output_file_id),
      this.fileText(batch.error_file_id),
    ]);
    const exit = await this.server.stop();
    const { losses, failures, problems } = await this.examine(async (remains) => ({
      losses: await remains.losses(),
      failures: await remains.failures(),
      problems: await remains.problems(),
    }));
    const report = checkBatch({
      lines: this.lines,
      batch,
      output,
      error,
      losses,
      calls: options.isUpstreamForgetful ? null : await this.sim.control.calls(),
      kills: this.kills,
      retried: new Set([...Object.keys(failures), ...(options.retried ?? [])]),
      paths: pathsOf({ kills: this.kills, rescued: this.rescuedAsSaid, failures: Object.keys(failures).length, batch }),
    });
    if (exit.code !== 0) problems.push(`the last server ended with ${JSON.stringify(exit)}`);
    if (this.rescuedAsSaid > report.inFlightAtKills) problems.push(`${this.rescuedAsSaid} leases were said to be lost`);
    return { ...report, problems: [...report.problems, ...problems] };
  }

  close(): Promise<void> {
    return this.server.close();
  }

  private async fileText(id: string | null | undefined): Promise<string> {
    return id ? textOf(this.client, id) : '';
  }

  private noteRescued(): void {
    for (const { rescued } of this.server.logs) if (typeof rescued === 'number') this.rescuedAsSaid += rescued;
  }
}

function only<T>({ data }: { data: T[] }): T | null {
  if (data.length > 1) throw new Error(`there should be one, but there are ${data.length}`);
  return data[0] ?? null;
}

/** Starts the server so that it kills itself at this crash point, and does some work with it until then. */
export async function dieAt(server: TestServer, point: string, work: () => Promise<unknown>): Promise<void> {
  const life = server.restart({ MILLRACE_TEST_CRASH_AT: point }).then(work);
  await life.catch(refuseOthers);
  const exit = await Promise.race([server.ended, delay(DEATH_MS, null, { ref: false })]);
  if (exit?.signal !== 'SIGKILL') throw new Error(`the server never came to '${point}'`, { cause: exit });
}

/** Swallows what a client meets when the server dies under it, and nothing else. */
export function refuseOthers(error: unknown): false {
  const isCutOff = error instanceof OpenAI.APIConnectionError || error instanceof EndedTooSoon || isFetchCutOff(error);
  if (!isCutOff) throw error;
  return false;
}

function isFetchCutOff(error: unknown): boolean {
  return error instanceof TypeError && ['fetch failed', 'terminated'].includes(error.message);
}
