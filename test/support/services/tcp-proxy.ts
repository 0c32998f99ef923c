/** A wire that a test can cut, slow down or make swallow bytes, in front of a service that listens on loopback. */
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

interface Link {
  client: Socket;
  server: Socket;
  /** Bytes are taken and never passed on, as behind a router that has forgotten the connection. */
  isDead: boolean;
  /** Pieces from the service until it is dead. */
  piecesLeft: number;
}

export interface ProxyCounters {
  /** Connections taken since the start, refused ones not among them. */
  accepted: number;
  refused: number;
  open: number;
  /** Bytes passed on, from clients and from the service. */
  sent: number;
  received: number;
}

export class TcpProxy {
  private readonly links = new Set<Link>();
  private readonly counts = { accepted: 0, refused: 0, sent: 0, received: 0 };
  private isRefusing = false;
  private swallowsAfter = Number.POSITIVE_INFINITY;
  private delayMs = 0;
  private lastWord: { text: string; isHeard: boolean } | null = null;

  private constructor(
    private readonly listener: Server,
    private target: { host: string; port: number },
  ) {
    listener.on('connection', (client) => this.accept(client));
  }

  /** Listens on a free port of loopback, in front of `port`. */
  static async start(port: number, host = '127.0.0.1'): Promise<TcpProxy> {
    const listener = createServer();
    const proxy = new TcpProxy(listener, { host, port });
    await new Promise<void>((resolve, reject) => {
      listener.once('error', reject);
      listener.listen(0, '127.0.0.1', resolve);
    });
    return proxy;
  }

  get port(): number {
    return (this.listener.address() as AddressInfo).port;
  }

  get counters(): ProxyCounters {
    return { ...this.counts, open: this.links.size };
  }

  /** New connections go to another service; open ones stay, as when a name is given another address. */
  retarget(port: number): void {
    this.target = { ...this.target, port };
  }

  /** Resets every open connection; new ones go through. */
  cut(): void {
    for (const { client, server } of this.links) {
      client.resetAndDestroy();
      server.destroy();
    }
  }

  /** Resets every open connection and each new one, as if nobody listened. */
  refuse(): void {
    this.isRefusing = true;
    this.cut();
  }

  /** Holds each piece back for so long, in both directions. */
  delay(ms: number): void {
    this.delayMs = ms;
  }

  /**
   * Swallows what the open connections carry, without a word to either side; with `newOnesToo` new connections are taken
   * and swallowed as well, each `after` so many pieces from the service (its greeting is one).
   */
  halfOpen({ newOnesToo = false, after = 0 } = {}): void {
    for (const link of this.links) link.isDead = true;
    this.swallowsAfter = newOnesToo ? after : Number.POSITIVE_INFINITY;
  }

  /**
   * Once a client sends a piece that ends with this text, its connection swallows all that follows, and new ones are reset.
   * `isHeard`: whether the service still gets that piece.
   */
  silenceAfter(text: string, { isHeard }: { isHeard: boolean }): void {
    this.lastWord = { text, isHeard };
  }

  /** New connections go through at full speed. Dead ones stay dead: what they swallowed is gone. */
  resume(): void {
    this.isRefusing = false;
    this.swallowsAfter = Number.POSITIVE_INFINITY;
    this.delayMs = 0;
    this.lastWord = null;
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.listener.close(() => resolve()));
    for (const { client, server } of this.links) {
      client.destroy();
      server.destroy();
    }
    await closed;
  }

  private accept(client: Socket): void {
    if (this.isRefusing) {
      this.counts.refused += 1;
      client.on('error', () => {}); // the reset we answer with
      client.resetAndDestroy();
      return;
    }
    this.counts.accepted += 1;
    const server = connect(this.target);
    const piecesLeft = this.swallowsAfter;
    const link = { client, server, isDead: piecesLeft === 0, piecesLeft };
    this.links.add(link);
    client.on('data', (chunk: Buffer) => this.hear(link, chunk));
    this.pass(link, client, server, (bytes) => (this.counts.sent += bytes));
    this.pass(link, server, client, (bytes) => {
      this.counts.received += bytes;
      link.piecesLeft -= 1;
      // In the next turn, when this piece has been passed on.
      if (link.piecesLeft === 0) setImmediate(() => (link.isDead = true));
    });
  }

  private hear(link: Link, piece: Buffer): void {
    if (!this.lastWord || !piece.toString('latin1').endsWith(this.lastWord.text)) return;
    this.isRefusing = true;
    // In the next tick this piece has been passed on.
    if (this.lastWord.isHeard) process.nextTick(() => (link.isDead = true));
    else link.isDead = true;
  }

  private pass(link: Link, from: Socket, to: Socket, count: (bytes: number) => void): void {
    const whenAlive = (act: () => void): void => {
      if (!link.isDead && !to.destroyed) act();
    };
    const deliver = (act: () => void): void => {
      if (this.delayMs === 0) whenAlive(act);
      else setTimeout(() => whenAlive(act), this.delayMs);
    };
    from.setNoDelay(true);
    from.on('data', (chunk: Buffer) =>
      deliver(() => {
        count(chunk.length);
        to.write(chunk);
      }),
    );
    from.on('end', () => deliver(() => to.end()));
    from.on('error', () => {}); // a reset; `close` follows
    from.on('close', () => {
      // A dead link does not even tell that the other side has gone.
      if (link.isDead && !to.closed) return;
      this.links.delete(link);
      if (from.errored) to.resetAndDestroy();
      else to.destroy();
    });
  }
}
