/** Where blobs are kept in S3, as one URL says it. */
import { messageOf } from '../kernel/errors.js';
import { placeProblem, type UrlForm, type UrlProblem } from './service-url.js';

export interface S3Location {
  bucket: string;
  /** In front of every key: empty, or ending in `/`. */
  prefix: string;
  /** Null: what the environment of the AWS SDK says. */
  region: string | null;
  /** Origin of an S3-compatible server, spoken to in path style; null for AWS itself. */
  endpoint: string | null;
  /** Null: the default chain of the AWS SDK (environment, shared files, the machine's role). */
  credentials: { accessKeyId: string; secretAccessKey: string } | null;
}

/** What `parseS3Url` takes, as the end of a sentence. */
export const S3_URL_WORDS =
  's3://bucket[/prefix]?region=… for AWS, or http(s)://KEY:SECRET@host[:port]/bucket[/prefix][?region=…]; ' +
  'in KEY and SECRET write / as %2F, + as %2B, @ as %40 and : as %3A';
/** What to do about an S3 that cannot be reached. */
export const S3_FIX =
  'look whether the host and port of MILLRACE_S3_URL are right, and whether S3 answers from this machine';
const FORM: UrlForm = { example: S3_URL_WORDS, credentials: 'KEY or SECRET', usualPort: '443, or 80 behind http://' };

/** Servers of one's own have one region, and most of them call it so. */
const USUAL_REGION = 'us-east-1';
/** Wider than AWS's own rule: other servers take more. */
const BUCKET_PATTERN = /^[A-Za-z0-9][A-Za-z0-9._-]{1,62}$/;
const REGION_PATTERN = /^[A-Za-z0-9-]{1,64}$/;
/** Signs that need no escaping anywhere. */
const PREFIX_PART_PATTERN = /^[A-Za-z0-9_.-]+$/;
/** A key of S3 has at most 1,024 bytes, and a blob's own name takes 200 of them. */
const MAX_PREFIX_LENGTH = 500;

/** What is wrong with it, and what to write instead; null for what `parseS3Url` takes. */
export function s3UrlProblem(text: string): UrlProblem | null {
  const isOfServer = !text.startsWith('s3:');
  const problem = isOfServer ? placeProblem(text, FORM) : null;
  if (problem !== null) return problem;
  try {
    parseS3Url(text);
    return null;
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return { wrong: messageOf(error), allowed: `it takes ${S3_URL_WORDS}` };
  }
}

/** @throws RangeError which says what is wrong, as the end of a sentence about the URL, and never quotes a secret */
export function parseS3Url(text: string): S3Location {
  if (!/^(?:s3|https?):\/\//i.test(text) || !URL.canParse(text)) throw new RangeError('is not such a URL');
  const url = new URL(text);
  if (url.hash !== '') throw new RangeError('has a fragment (#…)');
  const region = regionOf(url);
  return url.protocol === 's3:' ? awsLocation(url, region) : serverLocation(url, region);
}

/** For logs and people; holds no secret. */
export function describeS3Url({ endpoint, bucket, prefix, region }: S3Location): string {
  const base = endpoint === null ? 's3:/' : endpoint;
  const query = region === null ? '' : `?region=${region}`;
  return `${base}/${bucket}${prefix === '' ? '' : `/${prefix.slice(0, -1)}`}${query}`;
}

function awsLocation(url: URL, region: string | null): S3Location {
  if (url.username !== '' || url.password !== '') {
    throw new RangeError(
      'has credentials, which s3:// takes from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or a role',
    );
  }
  if (url.port !== '') throw new RangeError('has a port, which only http(s):// may have');
  return { ...placeOf(`${url.hostname}${url.pathname}`), region, endpoint: null, credentials: null };
}

function serverLocation(url: URL, region: string | null): S3Location {
  if (url.username === '' || url.password === '') {
    const isCutShort = url.pathname.includes('@') || url.pathname.includes('%40');
    const why = isCutShort ? '; a / in a KEY or SECRET ends the host, so write it as %2F' : '';
    throw new RangeError(`has no KEY:SECRET@ in front of the host${why}`);
  }
  const credentials = { accessKeyId: decoded(url.username), secretAccessKey: decoded(url.password) };
  if (url.port === '0') throw new RangeError('has a port that is none');
  const endpoint = `${url.protocol}//${url.host}`;
  return { ...placeOf(url.pathname.slice(1)), region: region ?? USUAL_REGION, endpoint, credentials };
}

function regionOf(url: URL): string | null {
  const unknown = [...url.searchParams.keys()].find((name) => name !== 'region');
  if (unknown !== undefined) throw new RangeError('has a parameter other than ?region=');
  const region = url.searchParams.get('region');
  if (region !== null && !REGION_PATTERN.test(region)) throw new RangeError('has a region that is none');
  return region;
}

/** @param path `bucket[/prefix]` */
function placeOf(path: string): { bucket: string; prefix: string } {
  const [bucket = '', ...rest] = path.replace(/\/+$/, '').split('/');
  if (bucket === '') throw new RangeError('has no bucket');
  if (!BUCKET_PATTERN.test(bucket)) {
    throw new RangeError(
      'has a bucket with a name that cannot be: one has 2 to 63 letters, digits, ., _ and -, and begins with a letter or digit',
    );
  }
  const isSound = rest.every((part) => PREFIX_PART_PATTERN.test(part) && part !== '.' && part !== '..');
  const prefix = rest.length === 0 ? '' : `${rest.join('/')}/`;
  if (!isSound || prefix.length > MAX_PREFIX_LENGTH) {
    throw new RangeError('has a prefix that is not made of letters, digits, _, -, . and single /, 500 of them at most');
  }
  return { bucket, prefix };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new RangeError('has a % in KEY or SECRET that escapes nothing; write it as %25');
  }
}
