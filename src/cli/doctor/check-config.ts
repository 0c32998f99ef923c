import type { AppConfig } from '../../config/app-config.js';
import { ConfigError } from '../../config/config-error.js';
import { loadConfigFromProcess } from '../../config/load-config.js';
import { failed, ok, type Finding } from './finding.js';

/** The settings, or null when they cannot be used; one finding for each thing that is wrong with them. */
export function checkConfig(overrides: Readonly<Record<string, string | undefined>>): {
  config: AppConfig | null;
  findings: Finding[];
} {
  try {
    const config = loadConfigFromProcess(overrides);
    const where = config.services === null ? `data in ${config.dataDir}` : `distributed, role ${config.role}`;
    return { config, findings: [ok('configuration', `usable; ${where}`)] };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const findings = error.problems.map(({ variable, wrong, allowed }) =>
      failed('configuration', `${variable} ${wrong}`, allowed),
    );
    return { config: null, findings };
  }
}
