import { literal, reportPrefix } from './report-keys.js';

/** Beside XADD what the connection pools of workers want; nothing can be read, changed or heard with it. */
const HARMLESS = new Set([
  '+xadd',
  '+ping',
  '+select',
  '+auth',
  '+hello',
  '+quit',
  '+client|setname',
  '+client|setinfo',
]);
const NO_COMMAND = '-@all';

/**
 * The rules by which a user of Redis may do more than add to streams of reports, from what `ACL GETUSER` tells of him. Each
 * that is not known to be harmless counts. Rules of channels do not: without a command that hears or sends they give nothing.
 *
 * @param reply names and values by turns
 */
export function excessRules(reply: readonly unknown[], prefix: string): string[] {
  const field = (name: string): unknown => reply[reply.indexOf(name) + 1];
  const [base, ...changes] = rulesOf(field('commands'));
  const given = changes.filter((rule) => !rule.startsWith('-') && !HARMLESS.has(rule));
  const keys = rulesOf(field('keys')).filter((rule) => !isOfReports(rule, prefix));
  // From Redis 7 on: sets of rules beside the user's own, of the same form.
  const selectors = reply.includes('selectors') ? (field('selectors') as unknown[][]) : [];
  const others = selectors.flatMap((selector) => excessRules(selector, prefix));
  return [...(base === NO_COMMAND ? [] : [base ?? 'commands']), ...given, ...keys, ...others];
}

/** Whether all keys that it lets touch are streams of reports, by how their names begin. */
function isOfReports(rule: string, prefix: string): boolean {
  const pattern = rule.replace(/^(%[RW]+)?~/, '');
  return pattern.startsWith(literal(reportPrefix(prefix)));
}

/** One text, or, before Redis 7, a list. */
function rulesOf(value: unknown): string[] {
  const rules = Array.isArray(value) ? (value as unknown[]).map(String) : String(value).split(' ');
  return rules.filter((rule) => rule !== '');
}
