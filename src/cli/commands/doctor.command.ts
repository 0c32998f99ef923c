import { Command } from 'commander';
import { CliError } from '../cli-error.js';
import type { Finding, FindingStatus } from '../doctor/finding.js';
import { JSON_OPTION, show } from '../output.js';
import type { Screen } from '../terminal.js';

const MORE = `
Run it with the settings of the server, beside a running one or without. It repairs nothing, and what it stores to try
something out it removes again. With MILLRACE_MODE=distributed it looks at the database, Redis and the bucket instead.

Exit codes: 0 all is well, 1 there are warnings, 2 something is broken.

Examples:
  millrace doctor
  millrace doctor --deep --data-dir /var/lib/millrace
  millrace doctor --json | jq '.[] | select(.status != "ok")'`;

interface Given {
  dataDir?: string;
  deep?: true;
  json?: true;
}

/** The command `doctor`. */
export function doctorCommand(): Command {
  return new Command('doctor')
    .description('look whether all is well: settings, disk, database, clock, upstreams; Redis and bucket')
    .option('--data-dir <folder>', 'the data folder to look at (MILLRACE_DATA_DIR)')
    .option(
      '--deep',
      'compare every index with its table, or every stored file in the bucket with its row; takes a while',
    )
    .option(...JSON_OPTION)
    .addHelpText('after', MORE)
    .action(async ({ dataDir, deep, json }: Given) => {
      const { examine } = await import('../doctor/doctor.js');
      const findings = await examine({ dataDir: dataDir ?? null, isDeep: deep ?? false });
      show(findings, json, (screen) => findings.flatMap((finding) => linesOf(finding, findings, screen)));
      const broken = findings.filter(({ status }) => status === 'failed').length;
      const warnings = findings.filter(({ status }) => status === 'warning').length;
      if (broken > 0) throw new CliError(`${broken} broken, ${warnings} to look at.`, DOCTOR_EXIT.broken);
      if (warnings > 0) throw new CliError(`${warnings} to look at.`, DOCTOR_EXIT.warnings);
    });
}

const DOCTOR_EXIT = { warnings: 1, broken: 2 } as const;

const WORDS: Readonly<Record<FindingStatus, string>> = { ok: 'ok    ', warning: 'look  ', failed: 'BROKEN' };

function linesOf({ check, status, message, fix }: Finding, all: readonly Finding[], { colors }: Screen): string[] {
  const paint = { ok: colors.green, warning: colors.yellow, failed: colors.red }[status];
  const width = Math.max(...all.map((finding) => finding.check.length));
  const line = `${paint(WORDS[status])}  ${check.padEnd(width)}  ${message}`;
  return fix === null ? [line] : [line, `${' '.repeat(width + 10)}${colors.dim('fix:')} ${fix}`];
}
