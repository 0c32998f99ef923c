/**
 * Where callbacks may go. Their URLs come from tenants, so without this they could make the server send requests into the
 * network it stands in.
 *
 * Nothing is reached but public addresses and what the operator has listed. A URL is checked when it is handed in, to tell
 * its author at once; what counts is `refusal`, asked with the addresses that a connection is about to be made to.
 */
import { isIP } from 'node:net';
import { Injectable } from '@nestjs/common';
import ipaddr from 'ipaddr.js';
import { AppConfig } from '../../config/app-config.js';
import { MillraceError } from '../../kernel/errors.js';
import { NetworkList, plainHost, unmapped, type Address } from './network-list.js';

/** A host that a connection is to be made to. */
export interface CallbackHost {
  /** A name or an address, as in a URL but without brackets. */
  host: string;
  /** Whether it is to be spoken to over TLS. */
  isSecure: boolean;
}

export const MAX_URL_LENGTH = 2048;
const FIRST_FREE_PORT = 1024;
/** Others below 1024 belong to services that do not expect HTTP. */
const WEB_PORTS = new Set([80, 443]);

/** They hand out credentials to whoever asks: AWS (also ECS, EKS), Google, Alibaba, Azure, Oracle, Tencent. */
const METADATA_ADDRESSES = new NetworkList([
  '169.254.169.254',
  '169.254.170.2',
  '169.254.170.23',
  '169.254.0.23',
  '100.100.100.200',
  '168.63.129.16',
  '192.0.0.192',
  'fd00:ec2::254',
  'fd00:ec2::23',
  'fd20:ce::254',
]);
const GLOBAL_IPV6 = ipaddr.parseCIDR('2000::/3');

const HOW_TO_ALLOW = 'The operator of this server can allow it with MILLRACE_CALLBACK_ALLOW.';

@Injectable()
export class CallbackTargets {
  private readonly allowed: NetworkList;

  constructor(config: AppConfig) {
    this.allowed = new NetworkList(config.callbackAllow);
  }

  /**
   * The URL as it is to be kept. Refuses with `invalid_value`, which says what is wrong, and never repeats what was sent:
   * it may hold a password.
   */
  checkUrl(text: string, param = 'callback_url'): string {
    const refuse = (wrong: string) => new MillraceError('invalid_value', `Invalid '${param}': ${wrong}`, { param });
    const wrong = misspelling(text);
    if (wrong !== null) throw refuse(wrong);
    const url = new URL(text);
    const host = hostOf(url);
    const isSecure = url.protocol === 'https:';
    const literal = isIP(host) !== 0 ? host : isLocalName(host) ? '127.0.0.1' : null;
    const refusal = literal === null ? this.refuseName(host, isSecure) : this.refusal({ host, isSecure }, [literal]);
    if (refusal !== null) throw refuse(`${refusal}. ${HOW_TO_ALLOW}`);
    return url.href;
  }

  /** Why a connection to this host must not be made, given all addresses that its name leads to; null: it may. */
  refusal({ host, isSecure }: CallbackHost, addresses: readonly string[]): string | null {
    const isListed = this.allowed.hasHost(host);
    for (const text of addresses) {
      const address = ipaddr.parse(text);
      if (this.allowed.hasExactly(address)) continue;
      if (METADATA_ADDRESSES.hasExactly(address)) return 'the host is the metadata service of a cloud';
      if (isListed || this.allowed.hasAddress(address)) continue;
      if (!isPublic(address)) return `the host has an address that is not public (${kindOf(address)})`;
      if (!isSecure) return 'plain http is not allowed here, use https';
    }
    return addresses.length === 0 ? 'the host has no address' : null;
  }

  /** Where a name leads is not known until a connection is made; whether plain http could ever be allowed is. */
  private refuseName(host: string, isSecure: boolean): string | null {
    if (isSecure || this.allowed.hasHost(host) || this.allowed.hasNetworks) return null;
    return 'plain http is not allowed here, use https';
  }
}

/** The host of a URL as a connection is made to it. */
export function hostOf(url: URL): string {
  return plainHost(url.hostname.replace(/^\[(.*)\]$/, '$1'));
}

/** What is wrong with the text as such, as a sentence, or null. */
function misspelling(text: string): string | null {
  if (text.length > MAX_URL_LENGTH) return `expected at most ${MAX_URL_LENGTH} characters.`;
  // Stricter than the URL parser, which drops blanks and takes `http:host` and backslashes.
  if (!/^https?:\/\/[^\s\p{Cc}\\/?#][^\s\p{Cc}\\]*$/iu.test(text) || !URL.canParse(text)) {
    return 'expected an http or https URL.';
  }
  const { username, password, port } = new URL(text);
  if (username !== '' || password !== '') return 'a URL with a user name or a password is not accepted.';
  if (port !== '' && Number(port) < FIRST_FREE_PORT && !WEB_PORTS.has(Number(port))) {
    return `expected the port 80 or 443, or one from ${FIRST_FREE_PORT} on.`;
  }
  return null;
}

function isLocalName(host: string): boolean {
  return host === 'localhost' || host.endsWith('.localhost');
}

function isPublic(address: Address): boolean {
  if (address.range() !== 'unicast') return false;
  return address.kind() === 'ipv4' || address.match(GLOBAL_IPV6);
}

/** `private`, `loopback`, `link local` … */
function kindOf(address: Address): string {
  const range = unmapped(address).range();
  return range === 'unicast' ? 'reserved' : range.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}
