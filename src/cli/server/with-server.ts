import type { ApiClient } from './api-client.js';
import { findServer, type ServerOptions } from './server-address.js';

/** Calls `work` with a client of the server that the options name. The HTTP library is loaded only now. */
export async function withServer<T>(options: ServerOptions, work: (client: ApiClient) => Promise<T>): Promise<T> {
  const [{ ApiClient }, address] = await Promise.all([import('./api-client.js'), findServer(options)]);
  const client = new ApiClient(address);
  try {
    return await work(client);
  } finally {
    await client.close();
  }
}
