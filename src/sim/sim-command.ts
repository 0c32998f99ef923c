import { Command, InvalidArgumentError } from 'commander';
import { SIM_DEFAULTS, type SimOptions } from './sim-options.js';
import { startSim } from './sim-server.js';

const ABOUT = `An OpenAI-compatible upstream without a model, for demos, tests and benches.

Serves chat/completions, completions, responses (streamed too), embeddings, moderations and models under /v1.
The same seed and the same request body always give the same answer, latency and faults.`;

const MORE = `
A request can say how it wants to be treated; commas join several words:
  "metadata": {"sim": "status_500_once"}      an error, only the first time this very body comes
  "metadata": {"sim": "sleep_200ms,big_64"}   200 ms later, with 64 kilobytes of text
  Words: status_400 to status_599, hang, garbage, wrong_type, truncated, reset, drop, drip, endless (each also with
         _once), sleep_<n>ms, big_<kilobytes>
  "metadata": {"id": "line-7"}                counts the call under this name

For tests: GET /sim/stats, GET /sim/calls, POST /sim/reset, GET and POST /sim/options.`;

/** The command `sim`: runs a simulator until SIGTERM or SIGINT. */
export function simCommand(): Command {
  const command = new Command('sim').description(ABOUT).addHelpText('after', MORE).showHelpAfterError('(see --help)');
  const option = (flag: string, description: string, name: keyof SimOptions, parse?: (text: string) => unknown) => {
    const byDefault = SIM_DEFAULTS[name];
    const isShown = byDefault !== null && !Array.isArray(byDefault);
    command.option(flag, isShown ? `${description} (default ${byDefault})` : description, parse ?? ((text) => text));
  };
  option('--host <address>', 'address to listen on', 'host');
  option('--port <n>', 'port to listen on; 0 takes a free one', 'port', toNumber);
  option('--seed <n>', 'integer that all chance is drawn from', 'seed', toNumber);
  option('--models <a,b>', 'model names that exist (default: every name is answered)', 'models', toList);
  option('--latency-ms <ms>', 'median time before a plain answer', 'latencyMs', toNumber);
  option('--latency-p99-ms <ms>', 'its 99th percentile; below the median: always the median', 'latencyP99Ms', toNumber);
  option('--time-to-first-token-ms <ms>', 'time before the first token of a stream', 'timeToFirstTokenMs', toNumber);
  option('--tokens-per-second <n>', 'pace of a stream; 0: all at once', 'tokensPerSecond', toNumber);
  option('--concurrency-limit <n>', 'calls at once, one more gets a 429; 0: no limit', 'concurrencyLimit', toNumber);
  option('--rate-429 <share>', 'share of calls, 0 to 1, that get a 429', 'rate429', toNumber);
  option('--rate-500 <share>', 'share of calls that get a 500', 'rate500', toNumber);
  option('--rate-hang <share>', 'share of calls that are never answered', 'rateHang', toNumber);
  option('--rate-garbage <share>', 'share of calls answered with broken JSON', 'rateGarbage', toNumber);
  option('--rate-truncated <share>', 'share of calls whose answer breaks off', 'rateTruncated', toNumber);
  option('--retry-after-seconds <s>', 'what every 429 asks for', 'retryAfterSeconds', toNumber);
  option('--api-key <key>', 'require this key (default: none is needed)', 'apiKey');
  return command.action(async (options: Partial<SimOptions>) => {
    const sim = await startSim(options).catch((error: Error) => command.error(`error: ${error.message}`));
    process.stdout.write(`sim listening on ${sim.url}\n`);
    await stopSignal();
    await sim.close();
  });
}

/** Resolves at the first SIGTERM or SIGINT; a second one has its usual effect. */
function stopSignal(): Promise<void> {
  return new Promise((resolve) => {
    const stop = () => {
      process.off('SIGTERM', stop);
      process.off('SIGINT', stop);
      resolve();
    };
    process.on('SIGTERM', stop);
    process.on('SIGINT', stop);
  });
}

function toNumber(text: string): number {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (Number.isNaN(value)) throw new InvalidArgumentError('It must be a number.');
  return value;
}

function toList(text: string): string[] {
  return text
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
}
