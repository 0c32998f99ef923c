/** Servers that are started on the folder of another, in the middle of a batch. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { chatLines } from '../support/chat-lines.js';
import { FaultRun, refuseOthers } from '../support/fault-run.js';
import { RawConnection } from '../support/raw-request.js';
import { SimProcess } from '../support/sim-process.js';
import { until } from '../support/until.js';
import { filePart, LINE, storedBlobs, textPart } from '../support/uploads.js';

const LINES = chatLines(400);
const CONCURRENCY = 16;

vi.setConfig({ testTimeout: 120_000 });

let sim: SimProcess;
let run: FaultRun;

beforeEach(async () => {
  sim = await SimProcess.start({ latencyMs: 40 });
});
afterEach(async () => {
  await run.close();
  await sim.close();
});

/** Some lines are done, and some are being run. */
async function untilHalfway(): Promise<void> {
  run = await FaultRun.prepare({ sim, lines: LINES, env: { MILLRACE_UPSTREAM_CONCURRENCY: `${CONCURRENCY}` } });
  await run.restart();
  await run.submit();
  await run.ended(({ request_counts }) => request_counts!.completed >= 50);
  await until(
    () => sim.control.stats(),
    (stats) => stats.inFlight > 0,
  );
}

describe('a second server on the same folder', () => {
  it('gives up at once, and disturbs neither the batch nor an upload of the first', async () => {
    await untilHalfway();
    const body = `--xyz\r\n${textPart('purpose', 'batch')}\r\n--xyz\r\n${filePart(LINE)}\r\n--xyz--\r\n`;
    const upload = await RawConnection.open(run.server.url);
    upload.send(
      `POST /v1/files HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${run.server.adminKey}\r\nconnection: close\r\n` +
        `content-type: multipart/form-data; boundary=xyz\r\ncontent-length: ${body.length}\r\n\r\n${body.slice(0, -20)}`,
    );
    await until(
      () => storedBlobs(run.server),
      (names) => names.length > 1, // The batch's own file, and the one that is coming in.
    );
    const second = run.server.launch();
    expect(await second.ended).toEqual({ code: 1, signal: null });
    expect(second.lines.at(-1)).toContain(`another Millrace server is running on the folder ${run.server.dataDir}`);
    upload.send(body.slice(-20));
    expect(await upload.end()).toContain('HTTP/1.1 200 OK');
    const report = await run.finish(() => ({ 'second servers': 1 }));
    expect(report).toMatchObject({ problems: [], extraCalls: 0, inFlightAtKills: 0 });
  });
});

describe('several servers that start on the same folder at once', () => {
  it('are one in the end, also where one was killed before', async () => {
    await untilHalfway();
    await run.kill();
    const env = { MILLRACE_PORT: '0' };
    const rivals = [run.server.launch(env), run.server.launch(env), run.server.launch(env)];
    const fates = rivals.map((rival) =>
      rival.printed((text) => (text.includes('is listening on') ? rival : null)).catch(refuseOthers),
    );
    const winners = (await Promise.all(fates)).filter((fate) => fate !== false);
    expect(winners).toHaveLength(1);
    for (const rival of rivals) {
      if (winners.includes(rival)) continue;
      expect(await rival.ended).toEqual({ code: 1, signal: null });
      expect(rival.lines.at(-1)).toContain('another Millrace server is running on the folder');
    }
    winners[0]!.send('SIGKILL');
    await winners[0]!.ended;
    run.kills += 1;
    await run.restart();
    const report = await run.finish(({ kills }) => ({ 'servers that gave up': rivals.length - 1, kills }));
    expect(report.problems).toEqual([]);
  });
});
