/** Callers by the thousand who wait for tasks of whose ends no notice comes: all are answered, and nothing of them is kept. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { PullService } from '../../src/modules/tasks/pull.service.js';
import { TaskWaiters } from '../../src/modules/tasks/task-waiters.js';
import { WaitingCalls } from '../../src/modules/tasks/waiting-calls.js';
import { EventBus } from '../../src/ports/event-bus.js';
import { heldMb } from '../support/held-memory.js';
import { startTaskApp, type TaskApp } from '../support/task-app.js';
import { until } from '../support/until.js';

const CALLERS = 10_000;
/** As many as are taken at once. */
const PAGE = 500;
/** For what a store and its connections keep whatever they are asked; a listener or a timer for each caller would be more. */
const MAX_RISE_MB = 10;

let served: TaskApp;
let tenantSeq: number;
beforeAll(async () => {
  served = await startTaskApp();
  tenantSeq = await served.makeTenant();
  await served.makeQueue(tenantSeq, 'asked');
});
afterAll(() => served.close());

const find = <T>(type: abstract new (...parts: never[]) => T): T => served.app.get(type as never, { strict: false });

/** Connections and timers that are open now. */
const openThings = (): number =>
  process.getActiveResourcesInfo().filter((name) => /^(TCP|Pipe|Timeout|Immediate)/.test(name)).length;

async function ask(): Promise<{ answered: Promise<string[]> }> {
  const request = {
    tenantSeq,
    queueName: 'asked',
    keyId: null,
    level: 0,
    mode: 'blocking' as const,
    type: null,
    endpoint: '/v1/x',
    model: null,
    body: '{"n":1}',
    delayMs: null,
    notBefore: null,
    ttlMs: 600_000,
    traceId: null,
    callbackUrl: null,
    idempotencyKey: null,
  };
  const call = await find(WaitingCalls).open(request, 600_000);
  const answered = call.ended.then((end) => {
    call.close();
    return [end === null || end === 'large' ? 'nothing' : end.state];
  });
  return { answered };
}

/** Puts tasks, works them off, and resolves with what their callers were told, each state with how often. */
async function serve(callers: number): Promise<Record<string, number>> {
  const calls: Promise<string[]>[] = [];
  for (let from = 0; from < callers; from += PAGE) {
    const page = await Promise.all(Array.from({ length: Math.min(PAGE, callers - from) }, ask));
    calls.push(...page.map(({ answered }) => answered));
  }
  expect(find(TaskWaiters).count).toBe(callers);
  const pull = find(PullService);
  for (let done = 0; done < callers;) {
    const tasks = await pull.take({
      tenantSeq,
      lanes: [{ queueName: 'asked', level: 0 }],
      strategy: 'fifo',
      size: PAGE,
      minAgeMs: 0,
      leaseMs: null,
      leaseEnd: 'retry',
      leaseRetries: 0,
      worker: null,
      waitMs: 0,
    });
    const answer = { statusCode: 200, requestId: null, body: '{"a":1}', usage: null };
    await pull.complete(
      tenantSeq,
      tasks.map(({ id: taskId, epoch }) => ({ taskId, epoch, ...answer })),
    );
    done += tasks.length;
  }
  const told: Record<string, number> = {};
  for (const state of (await Promise.all(calls)).flat()) told[state] = (told[state] ?? 0) + 1;
  return told;
}

it(`answers ${CALLERS} callers though each notice is lost, and keeps no timer, connection or listener of theirs`, async () => {
  const bus = find(EventBus);
  const publish = bus.publish.bind(bus) as (topic: string, event: unknown) => void;
  let lost = 0;
  // By hand: a spy would remember every call.
  bus.publish = (topic: string, event: unknown): void => {
    if (topic === 'task.ended') lost += 1;
    else publish(topic, event);
  };
  // Connections are made, and code is compiled.
  await serve(PAGE);
  const [openBefore, heldBefore] = [openThings(), heldMb()];
  lost = 0;
  expect(await serve(CALLERS)).toEqual({ completed: CALLERS });
  expect(lost).toBe(CALLERS);
  expect(find(TaskWaiters).count).toBe(0);
  await until(openThings, (open) => open <= openBefore);
  expect(heldMb() - heldBefore).toBeLessThan(MAX_RISE_MB);
});
