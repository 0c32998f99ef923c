/**
 * One file of requests through a server, from here: uploaded, run, and its results fetched. Cut off anywhere, by Ctrl-C or
 * by force, the same command goes on from there and repeats nothing on the server.
 */
import { randomUUID } from 'node:crypto';
import { CliError, EXIT } from '../cli-error.js';
import type { RunBatchOptions } from '../commands/run-batch.command.js';
import { counted } from '../figures.js';
import { faultLines, followBatch, outcomeOf, type FollowedBatch } from '../follow-batch.js';
import { patiently, type ApiClient } from '../server/api-client.js';
import type { WireBatch, WireFile } from '../server/wire.js';
import { untilStopped } from '../stop-signal.js';
import { openErrorScreen, type Screen } from '../terminal.js';
import { lookInto, uploadForm, type InputFacts } from './input-file.js';
import { checkPaths, fetchResults, STANDARD_OUTPUT } from './result-files.js';
import { differences, StateFile, type RunRequest, type RunState } from './run-state.js';

/** Resolves with the batch when its results are in their places; see the command for what the exit codes say. */
export async function runBatch(client: ApiClient, options: RunBatchOptions): Promise<FollowedBatch> {
  const run = new BatchRun(client, options, openErrorScreen());
  return untilStopped(
    () => new CliError(run.howToGoOn(), EXIT.interrupted),
    (signal) => run.run(signal),
  );
}

class BatchRun {
  private readonly stateFile: StateFile;
  private state: RunState | null = null;

  constructor(
    private readonly client: ApiClient,
    private readonly options: RunBatchOptions,
    private readonly screen: Screen,
  ) {
    this.stateFile = new StateFile(statePathOf(options));
  }

  async run(signal: AbortSignal): Promise<FollowedBatch> {
    const { options, screen } = this;
    const kept = options.isFresh ? null : this.stateFile.read();
    if (options.isResume && kept === null) {
      throw new CliError(`There is nothing to go on with: ${this.stateFile.path ?? 'no --state'} is not there.`);
    }
    checkPaths(options, options.mayOverwrite || kept !== null);
    const facts = await lookInto(options.input);
    const request = requestOf(options, facts);
    if (kept !== null) this.checkSame(kept, request);
    // Asked before gigabytes are sent: is the server there, and does it take the key?
    await this.client.get('/v1/batches?limit=1', signal);
    this.keep(kept ?? { format: 1, request, url: this.client.url, runId: randomUUID(), fileId: null, batchId: null });
    if (kept !== null) screen.print(`Going on with the run that ${this.stateFile.path} tells of.`);
    const fileId = await this.upload(facts, signal);
    const batchId = await this.create(fileId, signal);
    const batch = await followBatch(this.client, batchId, { screen, lines: facts.lines, signal });
    return this.finish(batch, signal);
  }

  /** What somebody who stops it here should know. */
  howToGoOn(): string {
    const { path } = this.stateFile;
    const again = path === null ? '' : '\nThe same command goes on from here.';
    const batchId = this.state?.batchId ?? null;
    if (batchId === null) return `Stopped before the batch was made.${again}`;
    return `Stopped here, but the batch ${batchId} goes on at the server.${again}\n\`millrace batches cancel ${batchId}\` stops it.`;
  }

  private async upload({ lines }: InputFacts, signal: AbortSignal): Promise<string> {
    const state = this.state!;
    if (state.fileId !== null) return state.fileId;
    const filename = `run-${state.runId}.jsonl`;
    const found = await this.findUpload(filename, signal);
    if (found === null) this.screen.print(`Uploading ${counted(lines, 'line')} of ${this.options.input}`);
    const form = uploadForm(this.options.input, filename, state.request.model);
    const { id } = found ?? (await this.client.upload<WireFile>('/v1/files', form.body, form.contentType, signal));
    this.keep({ ...state, fileId: id });
    return id;
  }

  /** The file, if the run before was cut off between sending it and noting that it had. */
  private async findUpload(filename: string, signal: AbortSignal): Promise<WireFile | null> {
    const { data } = await this.client.get<{ data: WireFile[] }>('/v1/files?purpose=batch&limit=1000', signal);
    return data.find((file) => file.filename === filename) ?? null;
  }

  private async create(fileId: string, signal: AbortSignal): Promise<string> {
    const state = this.state!;
    if (state.batchId !== null) return state.batchId;
    const { endpoint, completionWindow, queue, level } = state.request;
    const headers = {
      'idempotency-key': `run-batch-${state.runId}`,
      ...(queue === null ? {} : { 'x-millrace-queue': queue }),
      ...(level === null ? {} : { 'x-millrace-level': String(level) }),
    };
    const body = { input_file_id: fileId, endpoint, completion_window: completionWindow };
    const ask = () => this.client.ask<WireBatch>('POST', '/v1/batches', { body, headers, signal });
    const { id } = await patiently(ask, { signal });
    this.keep({ ...state, batchId: id });
    this.screen.print(`Batch ${id}`);
    return id;
  }

  private async finish(batch: FollowedBatch, signal: AbortSignal): Promise<FollowedBatch> {
    if (batch.status === 'failed') {
      this.stateFile.remove(); // what comes next is another input
      throw new CliError(['The server refused the batch; no line was run.', ...faultLines(batch)].join('\n'));
    }
    await fetchResults(this.client, batch, this.options, signal);
    this.stateFile.remove();
    this.screen.print(outcomeOf(batch));
    return batch;
  }

  private checkSame(kept: RunState, request: RunRequest): void {
    const other = differences(kept.request, request);
    if (kept.url !== this.client.url) other.push('--url');
    if (other.length === 0) return;
    throw new CliError(
      `${this.stateFile.path} tells of another run (different: ${other.join(', ')}).\n` +
        'Use --fresh to forget it and begin anew, or another --output.',
    );
  }

  private keep(state: RunState): void {
    this.state = state;
    this.stateFile.write(state);
  }
}

function statePathOf({ state, output }: RunBatchOptions): string | null {
  if (state !== null) return state;
  return output === STANDARD_OUTPUT ? null : `${output}.run`;
}

function requestOf(options: RunBatchOptions, { sha256, firstUrl }: InputFacts): RunRequest {
  const { completionWindow, queue, level, model } = options;
  const endpoint = options.endpoint ?? firstUrl;
  if (endpoint === null) {
    throw new CliError(`The first line of ${options.input} has no url; say with --endpoint what the lines are for.`);
  }
  return { sha256, endpoint, completionWindow, queue, level, model };
}
