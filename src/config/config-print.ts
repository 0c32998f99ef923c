import { VARIABLES } from './env.dto.js';
import type { Origin, Setting } from './env-sources.js';
import { resolveEnv, type ConfigInput } from './load-config.js';

/** One variable as `config print` shows it. */
export interface ConfigRow {
  name: string;
  /** As it was written; a secret only says that it is set. Null: not set. */
  value: string | null;
  origin: Origin;
}

/** A shorter secret would be half given away by its last four characters. */
const MIN_LENGTH_TO_SHOW_END = 16;

/** Every variable with the value in force and where it came from, safe to paste anywhere. Throws ConfigError. */
export function configReport(input: ConfigInput): ConfigRow[] {
  return resolveEnv(input).settings.map((setting) => ({
    name: setting.variable.name,
    value: shownValue(setting),
    origin: setting.origin,
  }));
}

function shownValue({ variable, text }: Setting): string | null {
  if (text === null || !variable.isSecret) return text;
  return text.length < MIN_LENGTH_TO_SHOW_END ? 'set' : `set, ends in …${text.slice(-4)}`;
}

/** The table of the README, laid out as prettier would. */
export function configMarkdownTable(): string {
  const rows = VARIABLES.map(({ name, defaultText, allowed, about, isSecret }) => [
    `\`${name}\``,
    defaultText === null ? '–' : `\`${defaultText}\``,
    allowed,
    isSecret ? `${about} Or \`${name}_FILE\`: the path of a file with it.` : about,
  ]);
  const table = [['variable', 'default', 'takes', 'what it is'], ...rows];
  const widths = table[0]!.map((_, column) => Math.max(...table.map((row) => row[column]!.length)));
  const lines = table.map((row) => `| ${row.map((cell, column) => cell.padEnd(widths[column]!)).join(' | ')} |`);
  lines.splice(1, 0, `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`);
  return `${lines.join('\n')}\n`;
}
