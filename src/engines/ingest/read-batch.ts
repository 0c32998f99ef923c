/**
 * Reads a batch's input file once, front to back: either all that its tasks need, or all that is wrong with it. Of the file
 * itself only one line at a time is in memory; of each line its custom id, its lane and where its body stands.
 */
import type { BlobStore } from '../../ports/blob-store.js';
import { counted } from '../../kernel/counted.js';
import { isBlank, readLines, type RawLine } from '../../kernel/json-lines.js';
import { Turn } from '../../kernel/turn.js';
import type { Limits } from '../../config/app-config.js';
import { vouchedBytes } from '../../modules/files/vouched-bytes.js';
import type { NewLine } from '../../store/procedures/batch-shapes.js';
import {
  checkLine,
  checkLongLine,
  LONG_LINE_BYTES,
  type CheckedLine,
  type LineError,
  type Problem,
} from './line-check.js';
import { LineErrors } from './line-errors.js';

export interface BatchInput {
  blobKey: string;
  bytes: number;
  sha256: string | null;
  endpoint: string;
}

interface Route {
  queueSeq: number;
  laneSeq: number;
}

/** Where lines of this model go, or null when no queue takes them; asked once for each model. */
export type RouteLine = (model: string) => Promise<Route | null>;

export type ReadResult = { isFit: true; lines: NewLine[]; model: string | null } | { isFit: false; errorsJson: string };

/** @throws DamagedBytes when the file is not what was uploaded */
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
    for await (const lines of readLines(vouchedBytes(stream, input), limits.maxLineBytes)) {
      for (const line of lines) {
        if (line.bytes !== null && isBlank(line.bytes)) continue;
        const taking = reading.take(line);
        if (taking) await taking; // nearly always there is nothing to wait for
        if (reading.isOverLong) return reading.refuseWhole(tooManyLines(limits));
      }
      await reading.rest();
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
  /** By model; null for one that no queue takes. */
  private readonly routes = new Map<string, Route | null>();
  private readonly errors = new LineErrors();
  private readonly turn = new Turn();
  private requests = 0;

  constructor(
    private readonly input: BatchInput,
    private readonly limits: Limits,
    private readonly routeLine: RouteLine,
  ) {}

  get isOverLong(): boolean {
    return this.requests > this.limits.maxLines;
  }

  /** Short lines come by the thousand without a pause between them: this is one, if it is time for it. */
  async rest(): Promise<void> {
    if (this.turn.isOver) await this.turn.next();
  }

  /** A line that is not blank. A promise only where it takes time: made for each line, it would cost as much as the check. */
  take(line: RawLine): Promise<void> | void {
    const { number, bytes } = line;
    this.requests += 1;
    if (bytes === null) return this.errors.add({ ...tooLongLine(this.limits), line: number });
    if (bytes.length > LONG_LINE_BYTES) return this.takeLong(line, bytes);
    const checked = checkLine(bytes, this.input.endpoint);
    const route = checked.model === null ? null : this.routes.get(checked.model);
    if (route === undefined) return this.takeNew(line, checked);
    this.judge(line, checked, route);
  }

  private async takeLong(line: RawLine, bytes: Buffer): Promise<void> {
    await this.takeNew(line, await checkLongLine(bytes, this.input.endpoint, this.turn));
  }

  /** The first line of its model, perhaps. */
  private async takeNew(line: RawLine, checked: CheckedLine): Promise<void> {
    const { model } = checked;
    let route = model === null ? null : this.routes.get(model);
    if (route === undefined) this.routes.set(model!, (route = await this.routeLine(model!)));
    this.judge(line, checked, route);
  }

  private judge({ number, offset }: RawLine, checked: CheckedLine, route: Route | null): void {
    const { problems, customId, model, body } = checked;
    if (customId !== null && this.customIds.has(customId)) problems.push(duplicate(customId));
    if (customId !== null) this.customIds.add(customId);
    if (model !== null && route === null) problems.push(unknownModel(model));
    for (const problem of problems) this.errors.add({ ...problem, line: number });
    // Lines of a faulty file do not run; only its faults are still of interest.
    if (!this.errors.isEmpty || customId === null || model === null || route === null || body === null) return;
    if (this.models.size < 2) this.models.add(model);
    const { queueSeq, laneSeq } = route;
    // Written out: a spread makes each of them several times as large.
    this.lines.push({
      queueSeq,
      laneSeq,
      customId,
      bodyOffset: offset + body.start,
      bodyLength: body.end - body.start,
    });
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

/** What to say of a file when nothing of it counts but this. */
export function refused(error: LineError): ReadResult {
  const errors = new LineErrors();
  errors.add(error);
  return { isFit: false, errorsJson: errors.toJson() };
}

export const DAMAGED_FILE: LineError = {
  code: 'input_file_damaged',
  message: 'The input file is missing or damaged on the disk of the server. Please upload it again.',
  param: null,
  line: null,
};

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
  const message = `The batch input file has more than the ${counted(limits.maxLines, 'request')} a batch may have. Please split it.`;
  return { code: 'too_many_tasks', message, param: null, line: null };
}

function tooLongLine(limits: Limits): Problem {
  const message = `This line is longer than the ${counted(limits.maxLineBytes, 'byte')} a line may have.`;
  return { code: 'line_too_long', message, param: null };
}

function duplicate(customId: string): Problem {
  const message = `The custom_id '${customId}' duplicates another request; it must be unique in the batch.`;
  return { code: 'duplicate_custom_id', message, param: 'custom_id' };
}

function unknownModel(model: string): Problem {
  const message = `The provided model '${model}' is not supported by the Batch API.`;
  return { code: 'model_not_found', message, param: 'body.model' };
}
