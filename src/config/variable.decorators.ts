/**
 * One decorator per kind of variable. It says everything about the variable in one place: how its text is read
 * (class-transformer), what is allowed (class-validator), and how it is documented.
 */
import { Transform } from 'class-transformer';
import { IsIn, IsInt, IsOptional, Matches, Max, Min, MinLength, ValidateBy, isFQDN, isIP } from 'class-validator';
import { BASE_URL_WORDS, cutTrailingSlashes, wrongWithBaseUrl } from '../kernel/base-url.js';
import type { UrlProblem } from './service-url.js';
import { formatSize, formatSpan, parseSize, parseSpan } from './units.js';

/** A variable as errors, the README and `config print` need to know it. */
export interface Variable {
  name: string;
  /** One sentence in Markdown. */
  about: string;
  /** What values it takes, as the object of "it takes …". */
  allowed: string;
  /** Written as in the environment. Null: not set. */
  defaultText: string | null;
  /** A secret is never shown, and may also be given as a file named by `<NAME>_FILE`. */
  isSecret: boolean;
  /** Whether an error may quote a value that was refused. */
  isQuotable: boolean;
  /** What is wrong with a text that was refused; null where there is no more to say than what is allowed. */
  problemOf: (text: string) => UrlProblem | null;
}

interface Documentation {
  about: string;
  /** Left out: the variable is null unless it is set. */
  default?: string;
}

interface Range {
  min: number;
  max: number;
}

interface Kind {
  allowed: string;
  /** From the text to the value that `checks` judge; left out, the text is the value. */
  read?: (text: string) => unknown;
  checks: PropertyDecorator[];
  isSecret?: boolean;
  isQuotable?: boolean;
  problemOf?: (text: string) => UrlProblem | null;
}

const declared = new WeakMap<object, Variable[]>();

/** The variables that a class declares, in the order of its properties. */
export function variablesOf(type: { prototype: object }): readonly Variable[] {
  return declared.get(type.prototype) ?? [];
}

function variable(documentation: Documentation, kind: Kind): PropertyDecorator {
  return (target, key) => {
    const variables = declared.get(target) ?? [];
    declared.set(target, variables);
    variables.push({
      name: String(key),
      about: documentation.about,
      allowed: kind.allowed,
      defaultText: documentation.default ?? null,
      isSecret: kind.isSecret ?? false,
      isQuotable: kind.isQuotable ?? true,
      problemOf: kind.problemOf ?? (() => null),
    });
    const { read } = kind;
    if (read) Transform(({ value }: { value: string | null }) => (value === null ? null : read(value)))(target, key);
    for (const decorate of [IsOptional(), ...kind.checks]) decorate(target, key);
  };
}

const WORDS = new Intl.ListFormat('en', { type: 'disjunction' });

/** One of a few words. */
export function Choice(words: readonly string[], documentation: Documentation): PropertyDecorator {
  return variable(documentation, {
    allowed: WORDS.format(words.map((word) => `\`${word}\``)),
    checks: [IsIn(words)],
  });
}

/** A whole number in decimal digits; the range is inclusive, here and below. */
export function Whole({ min, max }: Range, documentation: Documentation): PropertyDecorator {
  return variable(documentation, {
    allowed: `a whole number from ${min} to ${max}`,
    read: (text) => (/^\d+$/.test(text) ? Number(text) : Number.NaN),
    checks: [IsInt(), Min(min), Max(max)],
  });
}

/** A size; the value is in bytes. */
export function Size({ min, max }: Range, documentation: Documentation): PropertyDecorator {
  return variable(documentation, {
    allowed: `a size from ${formatSize(min)} to ${formatSize(max)}`,
    read: parseSize,
    checks: [IsInt(), Min(min), Max(max)],
  });
}

/** A span of time; the value is in milliseconds. */
export function Span({ min, max }: Range, documentation: Documentation): PropertyDecorator {
  return variable(documentation, {
    allowed: `a span from ${formatSpan(min)} to ${formatSpan(max)}`,
    read: parseSpan,
    checks: [IsInt(), Min(min), Max(max)],
  });
}

/** An address to listen on. */
export function Host(documentation: Documentation): PropertyDecorator {
  return variable(documentation, {
    allowed: 'a host name or an IP address',
    checks: [ValidateBy({ name: 'host', validator: { validate: (host) => isIP(host) || isHostName(host) } })],
  });
}

function isHostName(text: unknown): boolean {
  return isFQDN(text, { require_tld: false, allow_underscores: true });
}

/** A base URL to which paths are appended; trailing slashes are cut. */
export function BaseUrl(documentation: Documentation): PropertyDecorator {
  const isBaseUrl = (text: unknown) => typeof text === 'string' && wrongWithBaseUrl(text) === null;
  return variable(documentation, {
    allowed: BASE_URL_WORDS,
    read: cutTrailingSlashes,
    checks: [ValidateBy({ name: 'baseUrl', validator: { validate: isBaseUrl } })],
    isQuotable: false, // a refused one may hold a password
    problemOf: (text) => {
      const wrong = wrongWithBaseUrl(text);
      return wrong === null ? null : { wrong, allowed: `it takes ${BASE_URL_WORDS}` };
    },
  });
}

/**
 * The URL of another service, such as `redis://host:6379`. Secret, because it may hold a password.
 *
 * @param problemOf what is wrong with one that begins as it must
 */
export function ServiceUrl(
  protocols: readonly string[],
  problemOf: (text: string) => UrlProblem | null,
  documentation: Documentation,
): PropertyDecorator {
  const starts = WORDS.format(protocols.map((protocol) => `\`${protocol}://\``));
  const begins = (text: string) => protocols.some((protocol) => text.startsWith(`${protocol}://`));
  const isServiceUrl = (text: unknown) => typeof text === 'string' && begins(text) && problemOf(text) === null;
  return variable(documentation, {
    allowed: `a URL that begins with ${starts}`,
    checks: [ValidateBy({ name: 'serviceUrl', validator: { validate: isServiceUrl } })],
    isSecret: true,
    isQuotable: false,
    problemOf: (text) => (begins(text) ? problemOf(text) : null),
  });
}

/** Hosts and networks in one text, separated by commas or spaces; the value is a list. */
export function NetworkList(documentation: Documentation): PropertyDecorator {
  return variable(documentation, {
    allowed: 'host names, IP addresses and CIDR networks, separated by commas',
    read: (text) => text.split(/[\s,]+/).filter((entry) => entry !== ''),
    checks: [ValidateBy({ name: 'network', validator: { validate: isNetwork } }, { each: true })],
  });
}

function isNetwork(entry: unknown): boolean {
  const [address = '', prefix, ...rest] = String(entry).split('/');
  if (prefix === undefined) return isIP(address) || isHostName(address);
  const longest = isIP(address, 4) ? 32 : isIP(address, 6) ? 128 : -1;
  return rest.length === 0 && /^\d{1,3}$/.test(prefix) && Number(prefix) <= longest;
}

/** Any text of the pattern, which `allowed` puts in words. */
export function Text(pattern: RegExp, allowed: string, documentation: Documentation): PropertyDecorator {
  return variable(documentation, { allowed, checks: [Matches(pattern)] });
}

/** Keys travel in HTTP headers, hence the characters. */
export function Secret({ minLength }: { minLength: number }, documentation: Documentation): PropertyDecorator {
  const length = minLength > 1 ? `at least ${minLength} ` : '';
  return variable(documentation, {
    allowed: `${length}printable ASCII characters without spaces`,
    checks: [MinLength(minLength), Matches(/^[\x21-\x7e]+$/)],
    isSecret: true,
    isQuotable: false,
  });
}
