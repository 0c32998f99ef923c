import { statement } from './statement.js';

/** Notes the last group of a writer, and tells it. */
export const WRITE_MARK = statement<{ writer: string; mark: number }>('commit-mark-write');
export const READ_MARK = statement<{ writer: string }, { mark: number }>('commit-mark-read');
