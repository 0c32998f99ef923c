/**
 * Reads a batch's input file once, front to back: either all that its tasks need, or all that is wrong with it. Of the file
 * itself only one line at a time is in memory; of each line its custom id, its lane and where its body stands.
 */
import type { BlobStore } from '../../ports/blob-store.js';
import { readLines, type RawLine } from '../../kernel/json-lines.js';
import type { Limits } from '../../config/app-config.js';
import type { NewLine } from '../../store/procedures/batch-shapes.js';
import { checkLine, type LineError } from './line-check.js';
import { LineErrors } from './line-errors.js';

export interface BatchInput {
  blobKey: string;
  bytes: number;
  endpoint: string;
}

/** Where a line of this model goes, or null when no queue takes it. */
export type RouteLine = (model: string) => Promise<{ queueSeq: number; laneSeq: number } | null>;

export type ReadResult = { isFit: true; lines: NewLine[]; model: string | null } | { isFit: false; errorsJson: string };

export async function readBatch(
  blobs: BlobStore,
  input: BatchInput,
  limits: Limits,
  routeLine: RouteLine,
): Promise<ReadResult> {
  const reading = new Reading(input, limits, routeLine);
  if (input.bytes > limits.maxBatchBytes) return reading.refuseWhole(tooManyBytes(limits));
  const stream = await blobs.read(input.blobKey);
  try {
    for await (const lines of readLines(stream as AsyncIterable<Buffer>, limits.maxLineBytes)) {
      for (const line of lines) {
        await reading.take(line);
        if (reading.isOverLong) return reading.refuseWhole(tooManyLines(limits));
      }
    }
  } finally {
    stream.destroy();
  }
  return reading.result();
}

class Reading {
  private readonly lines: NewLine[] = [];
  private readonly customIds = new Set<string>();
  private readonly models = new Set<string>();
  private readonly errors = new LineErrors();
  private requests = 0;

  constructor(
    private readonly input: BatchInput,
    private readonly limits: Limits,
    private readonly routeLine: RouteLine,
  ) {}

  get isOverLong(): boolean {
    return this.requests > this.limits.maxLines;
  }

  async take({ number, offset, bytes }: RawLine): Promise<void> {
    if (bytes !== null && isBlank(bytes)) return;
    this.requests += 1;
    if (bytes === null) return this.errors.add({ ...tooLongLine(this.limits), line: number });
    const checked = checkLine(bytes, this.input.endpoint);
    if (Array.isArray(checked)) {
      for (const problem of checked) this.errors.add({ ...problem, line: number });
      return;
    }
    const { customId, model, bodyStart, bodyLength } = checked;
    if (this.customIds.has(customId)) return this.errors.add(duplicate(customId, number));
    this.customIds.add(customId);
    const route = await this.routeLine(model);
    if (!route) return this.errors.add(unknownModel(model, number));
    if (this.models.size < 2) this.models.add(model);
    if (!this.errors.isEmpty) return; // its lines will not run; only its faults are still of interest
    this.lines.push({ ...route, customId, bodyOffset: offset + bodyStart, bodyLength });
  }

  result(): ReadResult {
    if (this.requests === 0) return this.refuseWhole(EMPTY_FILE);
    if (!this.errors.isEmpty) return { isFit: false, errorsJson: this.errors.toJson() };
    const model = this.models.size === 1 ? [...this.models][0]! : null;
    return { isFit: true, lines: this.lines, model };
  }

  refuseWhole(error: LineError): ReadResult {
    this.errors.add(error);
    return { isFit: false, errorsJson: this.errors.toJson() };
  }
}

function isBlank(bytes: Buffer): boolean {
  if (bytes.length > 64) return bytes.every((byte) => byte === 0x20 || byte === 0x09 || byte === 0x0d);
  return bytes.toString('latin1').trim() === '';
}

const EMPTY_FILE: LineError = {
  code: 'empty_file',
  message: 'The input file is empty. Please ensure that your batch contains at least one request.',
  param: null,
  line: null,
};

function tooManyBytes(limits: Limits): LineError {
  const message = `The batch input file is larger than the ${limits.maxBatchBytes} maximum. Please try again with a smaller batch.`;
  return { code: 'file_too_large', message, param: null, line: null };
}

function tooManyLines(limits: Limits): LineError {
  const message = `The batch input file has more than the ${limits.maxLines} requests a batch may have. Please split it.`;
  return { code: 'too_many_requests', message, param: null, line: null };
}

function tooLongLine(limits: Limits): Omit<LineError, 'line'> {
  const message = `This line is longer than the ${limits.maxLineBytes} bytes a line may have.`;
  return { code: 'line_too_long', message, param: null };
}

function duplicate(customId: string, line: number): LineError {
  const message = `The custom_id '${customId}' duplicates another request; it must be unique in the batch.`;
  return { code: 'duplicate_custom_id', message, param: 'custom_id', line };
}

function unknownModel(model: string, line: number): LineError {
  const message = `The provided model '${model}' is not supported by the Batch API.`;
  return { code: 'model_not_found', message, param: 'body.model', line };
}
