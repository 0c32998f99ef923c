// WEBHOOK_SECRET=whsec_… PORT=9000 node examples/callback-receiver.mjs
import { createServer } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { verifyCallback } from 'millrace/sdk';

const seen = new Set(); // in earnest: in your database, in the transaction that uses the result

const server = createServer(async (request, response) => {
  try {
    const { id, taskId, body } = await verifyCallback(
      process.env.WEBHOOK_SECRET,
      request.headers,
      await buffer(request),
    );
    const said = JSON.stringify(body.body ?? body.error);
    if (!seen.has(id)) console.log(`${taskId} ended with status ${body.status_code}: ${said}`);
    seen.add(id); // a callback may come twice: when the answer to the first got lost
    response.writeHead(204).end();
  } catch (error) {
    console.log(`refused: ${error.message}`);
    response.writeHead(400).end();
  }
});
server.listen(Number(process.env.PORT ?? 9000), '127.0.0.1', () => {
  console.log(`waiting for callbacks on http://127.0.0.1:${server.address().port}/`);
});
