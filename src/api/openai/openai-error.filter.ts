import { Catch, Injectable } from '@nestjs/common';
import type { MillraceError } from '../../kernel/errors.js';
import { AppLogger } from '../../telemetry/logger.js';
import { ErrorFilter, type ErrorAnswer } from '../common/error.filter.js';
import { RouteTable } from '../common/route-table.js';
import { renderOpenAiError } from './openai-error.js';

/** Errors of all routes that no other dialect has a filter for, and of paths that are no route at all. */
@Catch()
@Injectable()
export class OpenAiErrorFilter extends ErrorFilter {
  constructor(routes: RouteTable, logger: AppLogger) {
    super(routes, logger.child('http'));
  }

  protected override render(error: MillraceError): ErrorAnswer {
    return renderOpenAiError(error);
  }
}
