/** What the URL of the database says beside where it is: whether what is said to it is encrypted, and who vouches for it. */
import { isIP } from 'node:net';
import { isAbsolute } from 'node:path';
import type { ConfigProblem } from './config-error.js';

export interface DatabaseTls {
  /** Whether the certificate of the server is looked at, and must name its host. */
  isVerified: boolean;
  /** File of the CA that signs it; null: one that Node trusts. */
  caPath: string | null;
}

const PARAMETERS = ['tls', 'tls_ca'];
const ALLOWED =
  'it takes `?tls=on`, with `&tls_ca=/path.pem` for a CA of your own, or `?tls=skip-verify`, or none of them';

/** What is wrong with it although it is the URL of a database; quotes nothing, because a password may have slipped in. */
export function databaseUrlProblem(text: string | null): Omit<ConfigProblem, 'variable'> | null {
  const wrong = text === null ? null : wrongWith(new URL(text));
  return wrong === null ? null : { wrong, allowed: ALLOWED };
}

/** Null: nothing is encrypted. Throws RangeError for a URL that `databaseUrlProblem` refuses. */
export function databaseTls(text: string): DatabaseTls | null {
  const url = new URL(text);
  const wrong = wrongWith(url);
  if (wrong !== null) throw new RangeError(`the URL of the database ${wrong}`);
  const tls = url.searchParams.get('tls');
  return tls === null ? null : { isVerified: tls === 'on', caPath: url.searchParams.get('tls_ca') };
}

function wrongWith({ hostname, searchParams }: URL): string | null {
  const names = [...searchParams.keys()];
  if (names.some((name) => !PARAMETERS.includes(name))) return 'has a parameter that is not known';
  if (new Set(names).size < names.length) return 'has a parameter twice';
  const [tls, caPath] = [searchParams.get('tls'), searchParams.get('tls_ca')];
  if (tls !== null && tls !== 'on' && tls !== 'skip-verify') return 'has another `tls`';
  if (caPath !== null && tls !== 'on') return 'has `tls_ca` without `tls=on`';
  if (caPath !== null && !isAbsolute(caPath)) return 'has a `tls_ca` that is not an absolute path';
  // The driver compares names only: any server with a certificate of the CA could stand at an address.
  const isAddress = isIP(hostname.replace(/^\[|\]$/g, '')) !== 0;
  if (tls === 'on' && isAddress) return 'has `tls=on` and an IP address, where the name in the certificate belongs';
  return null;
}
