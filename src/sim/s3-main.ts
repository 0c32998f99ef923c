/** Runs the stand-in for S3 until SIGTERM or SIGINT: `node s3-main.js --folder <path> [--port <n>] [--bucket <name>]`. */
import { Command } from 'commander';
import { startS3 } from './s3-server.js';

interface Options {
  folder: string;
  port: string;
  bucket: string;
}

const command = new Command('s3')
  .description('A stand-in for an S3 server that keeps one bucket in a folder, for demos and tests.')
  .requiredOption('--folder <path>', 'where the objects are kept')
  .option('--port <n>', 'port to listen on; 0 takes a free one', '0')
  .option('--bucket <name>', 'name of the bucket', 'millrace');

await command
  .action(async ({ folder, port, bucket }: Options) => {
    const server = await startS3({ folder, port: Number(port), bucket });
    process.stdout.write(`s3 listening on ${server.url}\n`);
    const stop = () => {
      process.off('SIGTERM', stop);
      process.off('SIGINT', stop);
      void server.close();
    };
    process.on('SIGTERM', stop);
    process.on('SIGINT', stop);
  })
  .parseAsync();
