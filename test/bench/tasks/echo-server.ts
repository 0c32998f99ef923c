/** The limit of the `put` bench: bare Fastify, which parses the body and sends a part of it back. */
import Fastify from 'fastify';

const app = Fastify();
app.post<{ Body: { queue: string } }>('/echo', (request) => ({
  code: 200,
  timestamp: Date.now(),
  data: request.body.queue,
}));
const url = await app.listen({ port: 0, host: '127.0.0.1', backlog: 4096 });
console.log(`listening on ${url}`);
process.on('SIGTERM', () => void app.close());
