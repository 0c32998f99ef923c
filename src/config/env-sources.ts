import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parse as parseDotenv } from 'dotenv';
import { closest, distance } from 'fastest-levenshtein';
import type { ConfigProblem } from './config-error.js';
import type { Variable } from './variable.decorators.js';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Where a value came from: `NAME_FILE` stands for the file which that variable names. */
export type Origin = 'default' | 'environment' | '.env file' | `${string}_FILE`;

/** The text of one variable before it is read. Null: not set, and there is no default. */
export interface Setting {
  variable: Variable;
  text: string | null;
  origin: Origin;
}

export interface Gathered {
  settings: Setting[];
  problems: ConfigProblem[];
}

interface Layer {
  origin: 'environment' | '.env file';
  values: Environment;
}

const PREFIX = 'MILLRACE_';
const DOTENV_NAME = '.env';
const MAX_TYPING_ERRORS = 2;
/** What the commands that talk to a server take from the environment; a server has no use for them. */
const OF_CLIENTS: ReadonlySet<string> = new Set(['MILLRACE_URL', 'MILLRACE_API_KEY']);
/** What Kubernetes adds to every pod once there is a Service called `millrace`. */
const SERVICE_LINK = /^MILLRACE_(SERVICE_HOST|SERVICE_PORT|PORT_\d+_)/;

/**
 * Finds the text of every variable: the environment first, then the `.env` file of `cwd`, then the default.
 * An empty value means the default, so that `NAME=` in the environment also switches off what `.env` says.
 */
export function gatherSettings(variables: readonly Variable[], env: Environment, cwd: string): Gathered {
  const problems: ConfigProblem[] = [];
  const layers: Layer[] = [
    { origin: 'environment', values: env },
    { origin: '.env file', values: readDotenv(cwd, problems) },
  ];
  const settings = variables.map((variable) => findSetting(variable, layers, cwd, problems));
  problems.push(...unknownKeys(variables, layers));
  return { settings, problems };
}

function findSetting(variable: Variable, layers: Layer[], cwd: string, problems: ConfigProblem[]): Setting {
  const { name, isSecret, defaultText } = variable;
  const fileName = `${name}_FILE` as const;
  for (const { origin, values } of layers) {
    const text = values[name]?.trim();
    const path = isSecret ? values[fileName]?.trim() : undefined;
    if (text && path) {
      const wrong = `and ${fileName} are both set (${origin})`;
      problems.push({ variable: name, wrong, allowed: 'set only one of them' });
      break;
    }
    if (text) return { variable, text, origin };
    if (path) return { variable, text: readSecret(fileName, resolve(cwd, path), problems), origin: fileName };
    if (text !== undefined || path !== undefined) break;
  }
  return { variable, text: defaultText, origin: 'default' };
}

function readSecret(fileName: string, path: string, problems: ConfigProblem[]): string | null {
  const refuse = (why: string) => {
    problems.push({
      variable: fileName,
      wrong: `names ${path}, which ${why}`,
      allowed: 'it takes the path of a file with the value',
    });
    return null;
  };
  try {
    return readFileSync(path, 'utf8').trim() || refuse('is empty');
  } catch (error) {
    return refuse(`cannot be read (${codeOf(error)})`);
  }
}

function readDotenv(cwd: string, problems: ConfigProblem[]): Environment {
  try {
    return parseDotenv(readFileSync(resolve(cwd, DOTENV_NAME)));
  } catch (error) {
    const code = codeOf(error);
    if (code !== 'ENOENT') {
      const wrong = `in ${cwd} cannot be read (${code})`;
      problems.push({ variable: DOTENV_NAME, wrong, allowed: 'make it readable or take it away' });
    }
    return {};
  }
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? String(error);
}

function unknownKeys(variables: readonly Variable[], layers: Layer[]): ConfigProblem[] {
  const known = variables.flatMap(({ name, isSecret }) => (isSecret ? [name, `${name}_FILE`] : [name]));
  return layers.flatMap(({ origin, values }) =>
    Object.keys(values)
      .filter((key) => key.startsWith(PREFIX) && values[key] !== undefined && !known.includes(key))
      .filter((key) => origin !== 'environment' || !OF_CLIENTS.has(key))
      .map((key) => ({ variable: key, wrong: `is not a known variable (${origin})`, allowed: suggestion(key, known) })),
  );
}

function suggestion(key: string, known: string[]): string {
  if (SERVICE_LINK.test(key)) return 'Kubernetes sets it for a Service; set `enableServiceLinks: false` on the pod';
  const nearest = closest(key, known);
  if (distance(key, nearest) <= MAX_TYPING_ERRORS) return `did you mean ${nearest}?`;
  // `MILLRACE_MAX_BODY_BYTES`: nearest is MILLRACE_MAX_FILE_BYTES, meant is the one with something added.
  const lengthened = known.filter((name) => key.startsWith(`${name}_`)).sort((a, b) => b.length - a.length)[0];
  return `did you mean ${lengthened ?? nearest}?`;
}
