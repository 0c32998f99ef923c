// MILLRACE_URL=http://127.0.0.1:8080 MILLRACE_API_KEY=… node examples/worker.mjs gpu:0 gpu:1
import { Worker } from 'millrace/sdk';

const worker = new Worker({
  url: process.env.MILLRACE_URL,
  key: process.env.MILLRACE_API_KEY,
  queues: process.argv.slice(2),
  concurrency: 4,
  handler: ({ data }) => ({ words: data.text.split(/\s+/).length }),
});
await worker.run();
