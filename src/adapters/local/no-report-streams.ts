import { ReportStreams } from '../../ports/report-streams.js';

/** Where workers report over HTTP only. */
export class NoReportStreams extends ReportStreams {
  override readonly instanceId = '';

  constructor(override readonly missing: string) {
    super();
  }

  override addressOf(): never {
    throw new Error(`there are no streams of reports: ${this.missing}`);
  }

  override listen(): void {}

  override async close(): Promise<void> {}
}
