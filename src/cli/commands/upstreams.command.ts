import { Command } from 'commander';
import { CliError } from '../cli-error.js';
import { toCount } from '../option-parsers.js';
import { JSON_OPTION, show } from '../output.js';
import { addServerOptions, type ServerOptions } from '../server/server-address.js';
import type { WirePage, WireUpstream, WireUpstreamTest } from '../server/wire.js';
import { withServer } from '../server/with-server.js';
import { tableLines } from '../tables.js';

const EXAMPLES = `
Examples:
  millrace upstreams add ollama http://127.0.0.1:11434/v1 --concurrency 4
  millrace upstreams test ollama && echo it answers
  UPSTREAM_KEY=sk-… millrace upstreams add openai https://api.openai.com/v1`;

const UPSTREAMS = '/v1/console/upstreams';

type JsonOption = ServerOptions & { json?: true };

/** The command `upstreams`: the model servers that work queues off. */
export function upstreamsCommand(): Command {
  const upstreams = new Command('upstreams')
    .description('see, add and test model servers')
    .addHelpText('after', EXAMPLES);
  for (const command of [listCommand(), addCommand(), testCommand(), deleteCommand()]) upstreams.addCommand(command);
  return upstreams;
}

function listCommand(): Command {
  const command = new Command('list').description('list all upstreams').option(...JSON_OPTION);
  return addServerOptions(command).action(async (given: JsonOption) => {
    await withServer(given, async (client) => {
      const { data } = await client.get<WirePage<WireUpstream>>(UPSTREAMS);
      show(data, given.json, (screen) =>
        data.length === 0
          ? ['There are none. `millrace upstreams add` adds one.']
          : tableLines(['NAME', 'BASE URL', 'KEY', 'AT A TIME', 'PER MINUTE', 'FROM'], data.map(toRow), screen),
      );
    });
  });
}

function addCommand(): Command {
  const command = new Command('add')
    .description('add an upstream; its key is taken from the variable UPSTREAM_KEY')
    .argument('<name>')
    .argument('<base-url>', 'OpenAI-compatible, normally ending in /v1')
    .option('--concurrency <n>', 'requests at the same time, at most (default: 64)', toCount)
    .option('--per-minute <n>', 'requests started in a minute, at most (default: no limit)', toCount)
    .option(...JSON_OPTION);
  return addServerOptions(command).action(
    async (name: string, baseUrl: string, given: JsonOption & { concurrency?: number; perMinute?: number }) => {
      const apiKey = process.env['UPSTREAM_KEY'] || undefined;
      const { concurrency, perMinute } = given;
      const body = { name, base_url: baseUrl, api_key: apiKey, concurrency, per_minute: perMinute };
      await withServer(given, async (client) => {
        const added = await client.post<WireUpstream>(UPSTREAMS, body);
        show(added, given.json, () => [
          `The upstream '${name}' is there. Next: \`millrace upstreams test ${name}\`, and a queue that uses it.`,
        ]);
      });
    },
  );
}

function testCommand(): Command {
  const command = new Command('test')
    .description('ask an upstream for its models; ends with 1 if it does not answer as it should')
    .argument('<name>')
    .option(...JSON_OPTION);
  return addServerOptions(command).action(async (name: string, given: JsonOption) => {
    await withServer(given, async (client) => {
      const result = await client.post<WireUpstreamTest>(`${UPSTREAMS}/${encodeURIComponent(name)}/test`);
      if (given.json) show(result, true, () => []);
      if (!result.ok) throw new CliError(result.error ?? `The upstream '${name}' does not answer as it should.`);
      if (given.json) return;
      const models = result.models?.join(', ') ?? '';
      show(result, false, () => [`It answers, after ${result.latency_ms} ms. Models: ${models || 'none'}`]);
    });
  });
}

function deleteCommand(): Command {
  const command = new Command('delete')
    .description('remove an upstream that no queue uses')
    .argument('<name>')
    .option(...JSON_OPTION);
  return addServerOptions(command).action(async (name: string, given: JsonOption) => {
    await withServer(given, async (client) => {
      const deleted = await client.ask<object>('DELETE', `${UPSTREAMS}/${encodeURIComponent(name)}`);
      show(deleted, given.json, () => [`The upstream '${name}' is gone.`]);
    });
  });
}

function toRow(upstream: WireUpstream): string[] {
  const key = upstream.key_last4 === null ? 'none' : `…${upstream.key_last4}`;
  const perMinute = upstream.per_minute === null ? '-' : String(upstream.per_minute);
  const from = upstream.source === 'env' ? 'MILLRACE_UPSTREAM_URL' : upstream.source;
  return [upstream.name, upstream.base_url, key, String(upstream.concurrency), perMinute, from];
}
