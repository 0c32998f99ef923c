import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

export type Address = ipaddr.IPv4 | ipaddr.IPv6;
type Network = [Address, number];

/**
 * Hosts, addresses and networks that an operator has listed. Entries have been checked when the configuration was read. A
 * network holds the addresses that are in it also when they come dressed up as IPv6 (`::ffff:10.0.0.1`).
 */
export class NetworkList {
  private readonly hosts = new Set<string>();
  private readonly networks: Network[] = [];

  constructor(entries: readonly string[]) {
    for (const entry of entries) {
      if (entry.includes('/')) this.networks.push(ipaddr.parseCIDR(entry));
      else if (isIP(entry) !== 0) this.networks.push(networkOf(ipaddr.parse(entry)));
      else this.hosts.add(plainHost(entry));
    }
  }

  /** Whether anything is listed that a name may lead to. */
  get hasNetworks(): boolean {
    return this.networks.length > 0;
  }

  hasHost(host: string): boolean {
    return this.hosts.has(plainHost(host));
  }

  hasAddress(address: Address): boolean {
    const plain = unmapped(address);
    return this.networks.some((network) => isIn(address, network) || isIn(plain, network));
  }

  /** Whether this very address is listed, and not only a network that it is in. */
  hasExactly(address: Address): boolean {
    const plain = unmapped(address);
    return this.networks.some((network) => network[1] === bitsOf(network[0]) && isIn(plain, network));
  }
}

/** An IPv4 address that was written as IPv6 is that IPv4 address. */
export function unmapped(address: Address): Address {
  return address instanceof ipaddr.IPv6 && address.isIPv4MappedAddress() ? address.toIPv4Address() : address;
}

/** As names are compared: in small letters, without the dot that may end them. */
export function plainHost(host: string): string {
  return host.toLowerCase().replace(/\.$/, '');
}

function networkOf(address: Address): Network {
  const plain = unmapped(address);
  return [plain, bitsOf(plain)];
}

function bitsOf(address: Address): number {
  return address.kind() === 'ipv4' ? 32 : 128;
}

function isIn(address: Address, [base, prefix]: Network): boolean {
  return address.kind() === base.kind() && address.match(base, prefix);
}
