/** HTTP as bytes, for what no client would send, or not yet all of it. */
import { connect, type Socket } from 'node:net';

export class RawConnection {
  private received = '';
  private readonly closed: Promise<void>;

  private constructor(private readonly socket: Socket) {
    socket.setEncoding('utf8').on('data', (text: string) => (this.received += text));
    socket.on('error', () => {}); // The other end has hung up; `closed` follows, and what was received says the rest.
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()));
  }

  static async open(url: string): Promise<RawConnection> {
    const { hostname, port } = new URL(url);
    const socket = connect(Number(port), hostname);
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    return new RawConnection(socket);
  }

  /** What has been received so far. */
  get text(): string {
    return this.received;
  }

  send(text: string): void {
    this.socket.write(text);
  }

  /** Resolves with everything received once it holds `text`, or the connection has ended. */
  async until(text: string): Promise<string> {
    while (!this.received.includes(text) && !this.socket.closed) {
      await Promise.race([new Promise((resolve) => this.socket.once('data', resolve)), this.closed]);
    }
    return this.received;
  }

  /** Resolves with everything received, when the other end has closed the connection. */
  async end(): Promise<string> {
    await this.closed;
    return this.received;
  }

  destroy(): void {
    this.socket.destroy();
  }
}

/** Sends a request and reads nothing of the answer; resolves when its first bytes are there. */
export async function sendUnread(url: string, request: string): Promise<Socket> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  const answered = new Promise<void>((resolve, reject) => socket.once('readable', resolve).once('error', reject));
  socket.write(request);
  await answered;
  return socket.on('error', () => {});
}
