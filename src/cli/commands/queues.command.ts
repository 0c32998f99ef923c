import { Command } from 'commander';
import { showSpan } from '../figures.js';
import { toList } from '../option-parsers.js';
import { JSON_OPTION, show } from '../output.js';
import { addServerOptions, type ServerOptions } from '../server/server-address.js';
import type { WireLane, WirePage, WireQueue } from '../server/wire.js';
import { withServer } from '../server/with-server.js';
import { tableLines } from '../tables.js';

const EXAMPLES = `
Examples:
  millrace queues add chat --models llama3.2,qwen3 --upstream ollama --shared
  millrace queues pause chat
  millrace queues stats              what waits where, and why it does not move`;

const QUEUES = '/v1/console/queues';

type JsonOption = ServerOptions & { json?: true };

interface AddOptions extends JsonOption {
  tenant?: string;
  endpoint?: string;
  models?: string[];
  upstream?: string;
  shared?: true;
}

/** The command `queues`: where tasks wait. */
export function queuesCommand(): Command {
  const queues = new Command('queues').description('see, add and pause queues').addHelpText('after', EXAMPLES);
  const commands = [
    listCommand(),
    addCommand(),
    turnCommand('pause', 'hand out no more tasks of a queue; those that run go on', 'paused'),
    turnCommand('resume', 'hand out the tasks of a queue again', 'running'),
    deleteCommand(),
    statsCommand(),
  ];
  for (const command of commands) queues.addCommand(command);
  return queues;
}

function listCommand(): Command {
  const command = new Command('list').description('list all queues').option(...JSON_OPTION);
  return addServerOptions(command).action(async (given: JsonOption) => {
    await withServer(given, async (client) => {
      const { data } = await client.get<WirePage<WireQueue>>(QUEUES);
      const headings = ['NAME', 'TENANT', 'SEEN BY', 'ENDPOINT', 'MODELS', 'WORKED OFF BY', 'STATE'];
      show(data, given.json, (screen) => tableLines(headings, data.map(toRow), screen));
    });
  });
}

function addCommand(): Command {
  const command = new Command('add')
    .description('add a queue')
    .argument('<name>')
    .option('--models <list>', 'the models it serves, which bring it their tasks (default: any)', toList)
    .option('--upstream <name>', 'the upstream that works it off (default: workers that pull)')
    .option('--endpoint <path>', 'the one endpoint it takes, such as /v1/chat/completions (default: any)')
    .option('--tenant <name>', 'whose it is (default: default)')
    .option('--shared', 'all tenants may submit to it')
    .option(...JSON_OPTION);
  return addServerOptions(command).action(async (name: string, given: AddOptions) => {
    const { tenant, endpoint, models, upstream, shared } = given;
    const consumers = upstream === undefined ? undefined : ['upstream'];
    const body = { name, tenant, endpoint, models, upstream, consumers, visibility: shared ? 'shared' : 'private' };
    await withServer(given, async (client) => {
      const queue = await client.post<WireQueue>(QUEUES, body);
      show(queue, given.json, () => [`The queue '${queue.name}' is there, worked off by ${consumersOf(queue)}.`]);
    });
  });
}

function turnCommand(verb: 'pause' | 'resume', about: string, word: string): Command {
  const command = new Command(verb)
    .description(about)
    .argument('<name>')
    .option(...JSON_OPTION);
  return addServerOptions(command).action(async (name: string, given: JsonOption) => {
    await withServer(given, async (client) => {
      const queue = await client.post<WireQueue>(`${QUEUES}/${encodeURIComponent(name)}/${verb}`);
      show(queue, given.json, () => [`The queue '${queue.name}' is ${word}.`]);
    });
  });
}

function deleteCommand(): Command {
  const command = new Command('delete')
    .description('remove an empty queue')
    .argument('<name>')
    .option(...JSON_OPTION);
  return addServerOptions(command).action(async (name: string, given: JsonOption) => {
    await withServer(given, async (client) => {
      const deleted = await client.ask<object>('DELETE', `${QUEUES}/${encodeURIComponent(name)}`);
      show(deleted, given.json, () => [`The queue '${name}' is gone.`]);
    });
  });
}

function statsCommand(): Command {
  const command = new Command('stats')
    .description('show what each queue holds, and why it does not move if it does not')
    .option(...JSON_OPTION);
  return addServerOptions(command).action(async (given: JsonOption) => {
    await withServer(given, async (client) => {
      const stats = await client.get<{ completed_per_second: number; lanes: WireLane[] }>('/v1/console/stats');
      show(stats, given.json, (screen) => [
        ...(stats.lanes.length === 0
          ? ['Nothing was ever put into a queue.']
          : tableLines(LANE_HEADINGS, stats.lanes.map(toLaneRow), screen)),
        `${stats.completed_per_second} completed per second over the last minute`,
      ]);
    });
  });
}

const LANE_HEADINGS = [
  'QUEUE',
  'LEVEL',
  'READY',
  'SCHEDULED',
  'RUNNING',
  'OLDEST',
  'DONE',
  'FAILED',
  'PER SECOND',
  'WAITS BECAUSE',
];

function toLaneRow(lane: WireLane): string[] {
  const { oldest_age_seconds: oldest, totals } = lane;
  const counts = [lane.level, lane.ready, lane.scheduled, lane.leased].map(String);
  const age = oldest === null ? '-' : showSpan(oldest * 1000);
  const done = [String(totals.completed), String(totals.failed), String(lane.completed_per_second)];
  return [lane.queue, ...counts, age, ...done, lane.waits_because ?? '-'];
}

function toRow(queue: WireQueue): string[] {
  const models = queue.models.length === 0 ? 'any' : queue.models.join(',');
  const who = queue.visibility === 'shared' ? 'all' : 'its tenant';
  const state = queue.paused_at === null ? 'running' : 'paused';
  return [queue.name, queue.tenant, who, queue.endpoint ?? 'any', models, consumersOf(queue), state];
}

function consumersOf({ consumers, upstream }: WireQueue): string {
  const names = consumers.map((consumer) => (consumer === 'upstream' && upstream !== null ? upstream : consumer));
  return names.join(',') || 'nobody';
}
