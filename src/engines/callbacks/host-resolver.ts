import { lookup, Resolver } from 'node:dns/promises';
import { isIP } from 'node:net';
import { Injectable } from '@nestjs/common';
import { AppConfig } from '../../config/app-config.js';
import { plainHost } from '../../modules/callbacks/network-list.js';

const DNS = { timeout: 2_000, tries: 2 };
/** What DNS says when a name has no address of the kind that was asked for. */
const NO_SUCH = new Set(['ENODATA', 'ENOTFOUND']);

/**
 * All addresses of a host.
 *
 * Public names are asked of DNS directly. The system's own way, which also knows the names of a local network, runs on the
 * few threads that files are read with too, and names that nobody answers for would hold those up: only names that the
 * operator has listed, and names without a dot, go that way.
 */
@Injectable()
export class HostResolver {
  private readonly localNames: ReadonlySet<string>;

  constructor(config: AppConfig) {
    this.localNames = new Set(config.callbackAllow.map(plainHost));
  }

  /** Rejects with an error that has a `code` when nobody knows the name. */
  async addressesOf(host: string): Promise<string[]> {
    if (isIP(host) !== 0) return [host];
    const name = plainHost(host);
    if (!name.includes('.') || this.localNames.has(name)) {
      return (await lookup(host, { all: true })).map(({ address }) => address);
    }
    return resolveByDns(name);
  }
}

async function resolveByDns(name: string): Promise<string[]> {
  // One each, because it reads the system's name servers only when it is made.
  const resolver = new Resolver(DNS);
  const answers = await Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)]);
  const addresses = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
  if (addresses.length > 0) return addresses;
  const reasons = answers.flatMap((answer) => (answer.status === 'rejected' ? [answer.reason as Error] : []));
  throw reasons.find((reason) => 'code' in reason && !NO_SUCH.has(String(reason.code))) ?? reasons[0]!;
}
