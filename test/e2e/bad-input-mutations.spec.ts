/**
 * Batch files damaged at random. What must become of each is worked out from its lines; the server has to come to the
 * same: refuse it, fail it with every fault in its place, or run each custom id once.
 *
 * The seed is printed; `SEED=… npx vitest run test/e2e/bad-input-mutations.spec.ts` does the same again.
 */
import fc from 'fast-check';
import type { Batch } from 'openai/resources/batches';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { checkLine } from '../../src/engines/ingest/line-check.js';
import { awaited, CHAT, createBatch, customIdsOf } from '../support/batches.js';
import { mutated, textLine } from '../support/mutations.js';
import { Answered } from '../support/refusals.js';
import { TestServer } from '../support/server.js';
import { startTestSim, type TestSim } from '../support/sim.js';
import { uploadPieces } from '../support/streamed-upload.js';

const SEED = Number(process.env['SEED'] ?? Date.now() % 2 ** 31);
const LIMIT_MS = 15_000;

let sim: TestSim;
let server: TestServer;

beforeAll(async () => {
  sim = await startTestSim();
  server = await TestServer.start({ MILLRACE_UPSTREAM_URL: sim.url });
});

afterAll(async () => {
  await server.close();
  await sim.close();
});

/** `code line` of every fault, and the custom ids that would run if there were none. */
interface Expected {
  isRefused: boolean;
  faults: string[];
  customIds: string[];
}

function expectedOf(file: Buffer): Expected {
  const lines = linesOf(file);
  const seen = new Set<string>();
  const faults: string[] = [];
  for (const { bytes, number } of lines) {
    const { problems, customId } = checkLine(bytes, CHAT);
    faults.push(...problems.map(({ code }) => `${code} ${number}`));
    if (customId !== null && seen.has(customId)) faults.push(`duplicate_custom_id ${number}`);
    if (customId !== null) seen.add(customId);
  }
  return { isRefused: lines.length === 0 || !isJson(lines[0]!.bytes), faults, customIds: [...seen] };
}

/** Those that are not blank. */
function linesOf(file: Buffer): { bytes: Buffer; number: number }[] {
  const isMarked = file.subarray(0, 3).equals(Buffer.from('\uFEFF'));
  const texts = file
    .subarray(isMarked ? 3 : 0)
    .toString('latin1')
    .split('\n');
  return texts
    .map((text, index) => ({ bytes: Buffer.from(text, 'latin1'), number: index + 1 }))
    .filter(({ bytes }) => /[^ \t\r]/.test(bytes.toString('latin1')));
}

/** As lax about bytes as an upload is: what is no UTF-8 is seen when the batch is checked. */
function isJson(bytes: Buffer): boolean {
  try {
    JSON.parse(bytes.toString());
    return true;
  } catch {
    return false;
  }
}

async function checkFile(file: Buffer): Promise<'refused' | 'failed' | 'completed'> {
  const { isRefused, faults, customIds } = expectedOf(file);
  const answer = await Answered.by('/v1/files', await uploadPieces(server, [file]));
  if (isRefused) {
    expect(answer.status).toBe(400);
    answer.refusal();
    return 'refused';
  }
  expect([answer.status, answer.text]).toEqual([200, expect.any(String)]);
  const { id } = JSON.parse(answer.text) as { id: string };
  const batch = await awaited(server.openai, await createBatch(server.openai, id));
  const found = (batch.errors?.data ?? []).map(({ code, line }) => `${code} ${line}`);
  expect([batch.status, found]).toEqual([faults.length === 0 ? 'completed' : 'failed', faults]);
  if (faults.length > 0) return 'failed';
  expect((await resultIdsOf(batch)).sort()).toEqual(customIds.sort());
  return 'completed';
}

async function resultIdsOf(batch: Batch): Promise<string[]> {
  const files = [batch.output_file_id, batch.error_file_id].filter((id) => typeof id === 'string');
  return (await Promise.all(files.map((id) => customIdsOf(server.openai, id)))).flat();
}

it('damaged files are refused, failed or run as their lines ask for', { timeout: 60_000 }, async () => {
  const counts = { refused: 0, failed: 0, completed: 0 };
  const ending = fc.constantFrom('\n', '\r\n', '\n\n', '\n \t\r\n');
  const text = fc
    .array(fc.tuple(textLine, ending), { minLength: 1, maxLength: 6 })
    .map((lines) => lines.flat().join(''));
  const property = fc.asyncProperty(mutated(text), async (file) => {
    counts[await checkFile(file)] += 1;
  });
  const bounds = { numRuns: 2_000, interruptAfterTimeLimit: LIMIT_MS, markInterruptAsFailure: false, seed: SEED };
  try {
    await fc.assert(property, bounds);
  } finally {
    process.stdout.write(`seed ${SEED}: ${JSON.stringify(counts)}\n`);
  }
  // A run in which one of them never happened would prove little.
  for (const count of Object.values(counts)) expect(count).toBeGreaterThan(0);
  expect(server.logs.filter(({ level }) => level === 'error' || level === 'fatal')).toEqual([]);
});
