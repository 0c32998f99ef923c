import { readFileSync } from 'node:fs';

/** The version of this program, from package.json; the same path leads there from src/ and from dist/. */
export const VERSION = readVersion(new URL('../../package.json', import.meta.url));

function readVersion(url: URL): string {
  return (JSON.parse(readFileSync(url, 'utf8')) as { version: string }).version;
}
