/**
 * Workers that die and freeze in the middle of their work, answer twice, late and without their tokens, while producers go on
 * putting: no task is lost, none gets a second result, and whoever comes too late is told so.
 */
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ChildProgram } from '../support/child-program.js';
import { PullWorker } from '../support/pull-worker.js';
import { TestServer } from '../support/server.js';
import { checkHistory, type EndedTask, type WorkerNote } from '../support/task-history.js';
import { until } from '../support/until.js';

const ENTRY = join(import.meta.dirname, '../support/worker-process.js');
const WORKERS = 4;
const PRODUCERS = 3;
const TASKS_EACH = Number(process.env['MILLRACE_TEST_TASKS'] ?? 100);
const KILLS = 4;
const FREEZES = 2;
const PAGE = 500;

let server: TestServer;
let api: PullWorker;
let made = 0;
const programs: ChildProgram[] = [];

// One server a try: a run that came to nothing rare is made once more.
beforeEach(async () => {
  server = await TestServer.start();
  api = new PullWorker(server);
});
afterEach(async () => {
  for (const program of programs.splice(0)) if (program.isRunning) program.send('SIGKILL');
  await server.close();
});

function startWorker(lane: string): ChildProgram {
  const args = [ENTRY, server.url, server.adminKey, lane, `w${(made += 1)}`];
  const program = new ChildProgram({ args, cwd: import.meta.dirname, env: process.env });
  programs.push(program);
  return program;
}

const notesOf = (program: ChildProgram): WorkerNote[] => program.lines.map((line) => JSON.parse(line) as WorkerNote);
const allNotes = () => programs.flatMap(notesOf);

/** The first note after `from` lines that is of this kind. */
function noted(program: ChildProgram, at: WorkerNote['at'], from: number): Promise<WorkerNote> {
  return until(
    () =>
      notesOf(program)
        .slice(from)
        .find((note) => note.at === at) as WorkerNote,
    (note) => note !== undefined,
  );
}

async function endedTasks(ids: readonly string[]): Promise<EndedTask[]> {
  const ended: EndedTask[] = [];
  for (let from = 0; from < ids.length; from += PAGE) {
    const { tasks } = await api.post('get', { task_ids: ids.slice(from, from + PAGE) });
    for (const task of tasks) {
      if (task) ended.push({ id: task.task_id, state: task.state, tag: task.result?.body?.tag ?? null });
    }
  }
  return ended;
}

describe('workers that die and freeze', () => {
  it('lose no task and give none a second result', async () => {
    const queue = await api.makeQueue('mortal', {
      retry_policy: { max_tries: 100, first_backoff_ms: 1, max_backoff_ms: 1 },
    });
    const lane = `${queue}:0`;
    let alive = Array.from({ length: WORKERS }, () => startWorker(lane));
    const put: string[] = [];
    const torture = { isOver: false };
    const produce = async () => {
      for (let n = 0; n < TASKS_EACH || !torture.isOver; n += 1) {
        put.push(await api.put(queue, { data: { n } }));
        // Whoever is to die or freeze must find a task to do it with, to the end; no flood of them.
        if (n >= TASKS_EACH) await delay(20);
      }
    };
    const torment = async () => {
      let frozenLate = 0;
      for (let round = 0; round < KILLS; round += 1) {
        const [victim] = alive;
        await noted(victim!, round % 2 ? 'answering' : 'took', victim!.lines.length);
        victim!.send('SIGKILL');
        await victim!.ended;
        alive = [...alive.slice(1), startWorker(lane)];
        if (round < FREEZES && (await freeze(alive[0]!))) frozenLate += 1;
      }
      return frozenLate;
    };
    const tormenting = torment().finally(() => (torture.isOver = true));
    const [frozenLate] = await Promise.all([tormenting, ...Array.from({ length: PRODUCERS }, produce)]);
    await until(
      () => endedTasks(put),
      (tasks) => tasks.length === put.length && tasks.every(({ state }) => state === 'completed'),
      60_000,
    );
    for (const program of alive) program.send('SIGKILL');
    await Promise.all(alive.map((program) => program.ended));
    const { problems, paths } = checkHistory({
      put,
      notes: allNotes(),
      ended: await endedTasks(put),
      paths: { 'a kill': KILLS, 'a lease lost by a frozen worker': frozenLate },
    });
    expect(problems).toEqual([]);
    expect(put.length).toBeGreaterThanOrEqual(PRODUCERS * TASKS_EACH);
    const missed = Object.entries(paths).filter(([, count]) => count === 0);
    if (missed.length > 0) throw new Error(`this run never came to ${missed.map(([path]) => path).join(', ')}`);
    process.stdout.write(`${put.length} tasks: ${JSON.stringify(paths)}\n`);
  });
});

/** Halts a worker that holds a task until another one has it; tells whether that came to pass. */
async function freeze(program: ChildProgram): Promise<boolean> {
  await noted(program, 'took', 0); // one that has only just been started would die of the signal
  const from = program.lines.length;
  program.send('SIGUSR2');
  const { id, worker } = await noted(program, 'halting', from);
  try {
    const isWithOthers = () =>
      allNotes().some((note) => note.at === 'took' && note.id === id && note.worker !== worker);
    return await until(isWithOthers, Boolean, 4_000).catch(() => false); // its next holder may be dead
  } finally {
    program.send('SIGCONT');
  }
}
