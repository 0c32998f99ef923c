/** How a line's end is written into the output or error file; pure. */
import { TASK_STATE_CODE } from '../../kernel/task-state.js';
import { resultLineId } from '../../kernel/ids.js';
import type { EndedLine } from '../../store/batch.store.js';

export interface ResultLine {
  /** Which of the two files it goes into. */
  isGood: boolean;
  /** One JSON object and a line feed. */
  text: string;
}

/** Said of lines that were never answered; OpenAI's own words for the first. */
const NOT_RUN: Record<number, { code: string; message: string }> = {
  [TASK_STATE_CODE.expired]: {
    code: 'batch_expired',
    message: 'This request could not be executed before the completion window expired.',
  },
  [TASK_STATE_CODE.cancelled]: {
    code: 'batch_cancelled',
    message: 'This request was not executed because the batch was cancelled.',
  },
};

/** `body` is the answer's JSON text, which may have been kept outside the row. */
export function resultLine(batchId: string, line: EndedLine, body: string | null): ResultLine {
  const id = resultLineId(batchId, line.line);
  const head = `{"id": "${id}", "custom_id": ${JSON.stringify(line.customId)}, `;
  if (line.state === TASK_STATE_CODE.completed && body !== null) {
    const requestId = line.requestId ?? id.slice('batch_req_'.length);
    const response = `{"status_code": ${line.statusCode}, "request_id": ${JSON.stringify(requestId)}, "body": ${oneLine(body)}}`;
    return { isGood: line.statusCode! < 400, text: `${head}"response": ${response}, "error": null}\n` };
  }
  const { code, message } = NOT_RUN[line.state] ?? { code: line.errorCode, message: line.errorMessage };
  const error = `{"code": ${JSON.stringify(code)}, "message": ${JSON.stringify(message)}}`;
  return { isGood: false, text: `${head}"response": null, "error": ${error}}\n` };
}

/** Inside a JSON string a line break is always escaped, so a raw one stands between two tokens and may go. */
function oneLine(json: string): string {
  return json.includes('\n') || json.includes('\r') ? json.replace(/[\r\n]+/g, ' ').trim() : json;
}
