import { readFileSync } from 'node:fs';

/** The text of scripts for Redis, those that others build on first; each stands in `scripts/`. */
export function luaOf(...names: readonly string[]): string {
  return names.map((name) => readFileSync(new URL(`scripts/${name}.lua`, import.meta.url), 'utf8')).join('\n');
}
