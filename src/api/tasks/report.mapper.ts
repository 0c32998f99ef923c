/**
 * From what workers write into streams to what is recorded of it. Names and fields are those of the Task API's first workers;
 * a result is the same as over HTTP. Nothing in it is trusted: who wrote it is known by the stream alone.
 */
import { MillraceError } from '../../kernel/errors.js';
import type { ProgressEvent } from '../../kernel/progress-event.js';
import type { CompleteCall } from '../../modules/tasks/task-requests.js';
import type { StreamedReport } from '../../ports/report-streams.js';
import { isObject } from '../common/field.decorators.js';
import { parseJson } from '../common/json-body.js';
import { requiredText, toCompletion } from './completion.mapper.js';
import { partOfBody, partOfField } from './json-part.js';
import { toStreamedEvent } from './progress.mapper.js';

const PROGRESS = 'task-progress-event';
const COMPLETION = 'task-completion-event';

export type Report =
  | { kind: 'progress'; taskId: string; event: ProgressEvent }
  | { kind: 'completion'; taskId: string; call: CompleteCall };

/** Why a report cannot be read. */
export type ReportFault = 'oversized' | 'unknown_name' | 'malformed';

export function toReport({ name, payload }: StreamedReport): Report | ReportFault {
  if (payload === null) return 'oversized';
  if (name !== PROGRESS && name !== COMPLETION) return 'unknown_name';
  try {
    const { value: body, text } = parseJson(payload);
    if (!isObject(body)) return 'malformed';
    const part = partOfBody(body, text);
    const taskId = requiredText(part, 'taskId');
    if (name === PROGRESS) return { kind: 'progress', taskId, event: toStreamedEvent(part) };
    if (!isObject(body['result'])) return 'malformed';
    return { kind: 'completion', taskId, call: toCompletion(taskId, partOfField(part, 'result'), null) };
  } catch (error) {
    if (error instanceof MillraceError) return 'malformed'; // the worker cannot be told what exactly is wrong
    throw error;
  }
}
