import { Command } from 'commander';
import { showAge } from '../figures.js';
import { toList, toSeconds } from '../option-parsers.js';
import { JSON_OPTION, show } from '../output.js';
import { addServerOptions, type ServerOptions } from '../server/server-address.js';
import type { WireKey } from '../server/wire.js';
import { withServer } from '../server/with-server.js';
import { tableLines } from '../tables.js';
import { openErrorScreen } from '../terminal.js';

const EXAMPLES = `
Examples:
  millrace keys create nightly --scopes files,batches
  KEY=$(millrace keys create acme-app --tenant acme --scopes files,batches)
  millrace keys list
  millrace keys rotate key_0198f3… --overlap 1h
  millrace keys revoke key_0198f3…`;

type JsonOption = ServerOptions & { json?: true };
type CreatedKey = WireKey & { token: string };

/** The command `keys`: who may call the server. */
export function keysCommand(): Command {
  const keys = new Command('keys').description('make, list and revoke API keys').addHelpText('after', EXAMPLES);
  for (const command of [createCommand(), listCommand(), rotateCommand(), revokeCommand()]) keys.addCommand(command);
  return keys;
}

function createCommand(): Command {
  const command = new Command('create')
    .description('make a key and print it; it cannot be shown again')
    .argument('<name>', 'what it is for')
    .requiredOption('--scopes <list>', 'what it may do, such as files,batches', toList)
    .option('--tenant <name>', 'whose it is; made if there is none of that name (default: default)')
    .option('--expires-in <span>', 'when it stops working, such as 30d', toSeconds)
    .option(...JSON_OPTION);
  return addServerOptions(command).action(
    async (
      name: string,
      given: JsonOption & { scopes: string[]; tenant?: string; expiresIn?: number },
    ): Promise<void> => {
      const { scopes, tenant, expiresIn } = given;
      const expiresAt = expiresIn === undefined ? undefined : Math.floor(Date.now() / 1000) + expiresIn;
      const body = { name, scopes, tenant, expires_at: expiresAt };
      await withServer(given, async (client) => {
        showToken(await client.post<CreatedKey>('/v1/console/keys', body), given.json);
      });
    },
  );
}

function listCommand(): Command {
  const command = new Command('list').description('list all keys, newest first').option(...JSON_OPTION);
  return addServerOptions(command).action(async (given: JsonOption) => {
    await withServer(given, async (client) => {
      const keys = await client.list<WireKey>('/v1/console/keys');
      show(keys, given.json, (screen) =>
        keys.length === 0
          ? ['There are no keys but the admin key. `millrace keys create` makes one.']
          : tableLines(['ID', 'NAME', 'TENANT', 'SCOPES', 'KEY', 'STATE', 'MADE'], keys.map(toRow), screen),
      );
    });
  });
}

function rotateCommand(): Command {
  const command = new Command('rotate')
    .description('put a new key in the place of one, and print it')
    .argument('<id>', 'the id of the old one, from `millrace keys list`')
    .option('--overlap <span>', 'how long the old one goes on working, up to 24h (default: not at all)', toSeconds)
    .option(...JSON_OPTION);
  return addServerOptions(command).action(async (id: string, given: JsonOption & { overlap?: number }) => {
    await withServer(given, async (client) => {
      const path = `/v1/console/keys/${encodeURIComponent(id)}/rotate`;
      showToken(await client.post<CreatedKey>(path, { overlap_seconds: given.overlap ?? 0 }), given.json);
    });
  });
}

function revokeCommand(): Command {
  const command = new Command('revoke')
    .description('have a key refused from now on')
    .argument('<id>', 'from `millrace keys list`')
    .option(...JSON_OPTION);
  return addServerOptions(command).action(async (id: string, given: JsonOption) => {
    await withServer(given, async (client) => {
      const key = await client.ask<WireKey>('DELETE', `/v1/console/keys/${encodeURIComponent(id)}`);
      show(key, given.json, () => [`The key '${key.name}' (…${key.last4}) is revoked.`]);
    });
  });
}

/** The key alone goes to the output, so that it can be put into a variable. */
function showToken(key: CreatedKey, isJson: boolean | undefined): void {
  show(key, isJson, () => [key.token]);
  if (isJson) return;
  openErrorScreen().print(
    `The key '${key.name}' (${key.id}) of the tenant '${key.tenant}' may do: ${key.scopes.join(', ')}. It is shown this once.`,
  );
}

function toRow(key: WireKey): string[] {
  const made = showAge(key.created_at);
  return [key.id, key.name, key.tenant, key.scopes.join(','), `…${key.last4}`, stateOf(key), made];
}

function stateOf({ revoked_at: revokedAt, expires_at: expiresAt }: WireKey): string {
  const now = Date.now() / 1000;
  if (revokedAt !== null && revokedAt <= now) return 'revoked';
  if (expiresAt !== null) return expiresAt <= now ? 'expired' : 'expires';
  return 'valid';
}
