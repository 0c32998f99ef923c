/** Where the database is, as one URL says it, whether what is said to it is encrypted, and who vouches for it. */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { isAbsolute } from 'node:path';
import { messageOf } from '../kernel/errors.js';
import { urlProblem, type UrlForm, type UrlProblem } from './service-url.js';

/** As the driver takes it, with nothing escaped. */
export interface DatabasePlace {
  host: string;
  port: number;
  username: string;
  password: string;
  /** Empty: none. */
  database: string;
}

export interface DatabaseTls {
  /** Whether the certificate of the server is looked at, and must name its host. */
  isVerified: boolean;
  /** File of the CA that signs it; null: one that Node trusts. */
  caPath: string | null;
}

const USUAL_PORT = 3306;
const FORM: UrlForm = {
  example: '`mysql://user:password@host:3306/database`',
  credentials: 'the user or password',
  usualPort: String(USUAL_PORT),
};
const PARAMETERS = ['tls', 'tls_ca'];
const ALLOWED =
  'it takes `?tls=on`, with `&tls_ca=/path.pem` for a CA of your own, or `?tls=skip-verify`, or none of them';

/** What to do about a database that cannot be reached, or refuses us. */
export const DATABASE_FIX =
  'look whether it runs, and whether MILLRACE_DATABASE_URL names the right host, port, user, password and database';

/** What is wrong with it although it begins as the URL of a database does. */
export function databaseUrlProblem(text: string): UrlProblem | null {
  const problem = urlProblem(text, FORM);
  if (problem !== null) return problem;
  const url = new URL(text);
  const name = url.pathname.slice(1);
  if (name === '')
    return { wrong: 'names no database', allowed: 'end the path in its name, as in `…@host:3306/millrace`' };
  if (name.includes('/')) {
    return {
      wrong: 'has more than the name of a database behind the host',
      allowed: 'take away the / behind the name',
    };
  }
  const wrong = wrongWith(url);
  return wrong === null ? null : { wrong, allowed: ALLOWED };
}

/** What is wrong with the file that it names, if it names one. */
export function databaseCaProblem(text: string | null): UrlProblem | null {
  const caPath = text === null ? null : (databaseTls(text)?.caPath ?? null);
  if (caPath === null) return null;
  const allowed = '`tls_ca` takes the path of a file with the certificate of the CA in PEM';
  let content: string;
  try {
    content = readFileSync(caPath, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? messageOf(error);
    return { wrong: `names ${caPath} as \`tls_ca\`, which cannot be read (${code})`, allowed };
  }
  // The driver would pass over it without a word, and then trust nobody.
  return holdsCertificate(content)
    ? null
    : { wrong: `names ${caPath} as \`tls_ca\`, which holds no certificate`, allowed };
}

/** Of a URL that `databaseUrlProblem` takes; also of one without a database. */
export function databasePlace(text: string): DatabasePlace {
  const { hostname, port, username, password, pathname } = new URL(text);
  return {
    host: decodeURIComponent(hostname).replace(/^\[|\]$/g, ''),
    port: port === '' ? USUAL_PORT : Number(port),
    username: decodeURIComponent(username),
    password: decodeURIComponent(password),
    database: decodeURIComponent(pathname.slice(1)),
  };
}

/** Host, port and name, for logs and people; holds no secret. */
export function describeDatabaseUrl(text: string): string {
  const { hostname, port, pathname } = new URL(text);
  return `${hostname}:${port === '' ? USUAL_PORT : port}${pathname}`;
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

function holdsCertificate(content: string): boolean {
  try {
    return new X509Certificate(content).raw.length > 0;
  } catch {
    return false;
  }
}
