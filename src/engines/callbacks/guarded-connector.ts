/**
 * Connections that go only where callbacks may go.
 *
 * The decision is made with the addresses that the socket is then pinned to: a name that leads elsewhere a moment later
 * changes nothing. All addresses of a name must pass, because any of them may be the one that answers.
 */
import type { LookupFunction } from 'node:net';
import { isIPv6 } from 'node:net';
import { buildConnector } from 'undici';
import { hostOf, type CallbackTargets } from '../../modules/callbacks/callback-targets.js';
import type { HostResolver } from './host-resolver.js';

const CONNECT_TIMEOUT_MS = 10_000;

/** A connection that must not be made. */
export class TargetRefused extends Error {}

/** Opens a socket to one of these addresses, which have passed. */
export type Connect = (
  addresses: readonly string[],
  options: buildConnector.Options,
  callback: buildConnector.Callback,
) => void;

type Connector = (options: buildConnector.Options, callback: buildConnector.Callback) => Promise<void>;

export function guardedConnector(
  targets: Pick<CallbackTargets, 'refusal'>,
  resolver: Pick<HostResolver, 'addressesOf'>,
  connect: Connect = connectTo,
): buildConnector.connector {
  const addressesFor = async ({ hostname, protocol }: buildConnector.Options): Promise<string[]> => {
    const host = hostOf(new URL(`${protocol}//${bracketed(hostname)}`));
    const addresses = await resolver.addressesOf(host);
    const refusal = targets.refusal({ host, isSecure: protocol === 'https:' }, addresses);
    if (refusal !== null) throw new TargetRefused(refusal);
    return addresses;
  };
  const open: Connector = async (options, callback) => {
    let addresses: string[];
    try {
      addresses = await addressesFor(options);
    } catch (error) {
      callback(error as Error, null);
      return;
    }
    connect(addresses, options, callback);
  };
  return (options, callback) => void open(options, callback);
}

function connectTo(
  addresses: readonly string[],
  options: buildConnector.Options,
  callback: buildConnector.Callback,
): void {
  const found = addresses.map((address) => ({ address, family: isIPv6(address) ? 6 : 4 }));
  const lookup: LookupFunction = (_host, { all }, answer) => {
    if (all) answer(null, found);
    else answer(null, found[0]!.address, found[0]!.family);
  };
  buildConnector({ timeout: CONNECT_TIMEOUT_MS, lookup })(options, callback);
}

function bracketed(hostname: string): string {
  return hostname.includes(':') && !hostname.startsWith('[') ? `[${hostname}]` : hostname;
}
