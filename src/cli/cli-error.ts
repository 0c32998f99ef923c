/** Something a person can understand and mend: its message is printed alone, without a stack. */
export class CliError extends Error {
  constructor(
    message: string,
    readonly exitCode: number = EXIT.failure,
  ) {
    super(message);
    this.name = 'CliError';
  }
}

/** What the process ends with; scripts may rely on it. */
export const EXIT = {
  ok: 0,
  failure: 1,
  /** The command line itself is wrong. */
  usage: 2,
  /** No server answers, or it refuses the key. */
  unreachable: 3,
  /** Done, but some of the lines failed. */
  partial: 4,
  /** Stopped by Ctrl-C before it was done. */
  interrupted: 130,
} as const;
