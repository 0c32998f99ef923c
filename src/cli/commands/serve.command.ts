import { Command } from 'commander';

const MORE = `
The options go before the environment and the file .env, where every other setting is: see \`millrace config print\`.
The key of the server is made at the first start and kept in its data folder.

Examples:
  MILLRACE_UPSTREAM_URL=https://api.openai.com/v1 MILLRACE_UPSTREAM_KEY=sk-... millrace serve
  millrace serve --port 9000 --data-dir /var/lib/millrace`;

interface ServeOptions {
  host?: string;
  port?: string;
  dataDir?: string;
}

/** The command `serve`: the server, until SIGTERM or SIGINT. */
export function serveCommand(): Command {
  return new Command('serve')
    .description('start the server')
    .option('--host <address>', 'address to listen on (MILLRACE_HOST, default 127.0.0.1)')
    .option('--port <n>', 'port to listen on (MILLRACE_PORT, default 8080)')
    .option('--data-dir <folder>', 'folder of the database, the files and the generated keys (MILLRACE_DATA_DIR)')
    .addHelpText('after', MORE)
    .action(async ({ host, port, dataDir }: ServeOptions) => {
      const [{ loadConfigFromProcess }, { runServer }] = await Promise.all([
        import('../../config/load-config.js'),
        import('../../bootstrap.js'),
      ]);
      const given = { MILLRACE_HOST: host, MILLRACE_PORT: port, MILLRACE_DATA_DIR: dataDir };
      await runServer(() => loadConfigFromProcess(given));
    });
}
