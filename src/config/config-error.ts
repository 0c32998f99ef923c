export interface ConfigProblem {
  /** Name of the variable, as it was given. */
  variable: string;
  /** What is the matter with it. Never holds a secret. */
  wrong: string;
  /** What would be right. */
  allowed: string;
}

/** The configuration cannot be used. Carries every problem there is, so that one edit can mend them all. */
export class ConfigError extends Error {
  constructor(readonly problems: readonly ConfigProblem[]) {
    const lines = problems.map(({ variable, wrong, allowed }) => `  ${variable} ${wrong}; ${allowed}`);
    super(
      `The configuration has ${problems.length === 1 ? 'a problem' : `${problems.length} problems`}:\n${lines.join('\n')}`,
    );
    this.name = 'ConfigError';
  }
}
