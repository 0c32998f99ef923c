/** The lines of a batch's two result files, as far as a check needs them. */
export interface ResultLine {
  customId: string;
  /** An answer below 400 and no error. */
  isGood: boolean;
  /** The batch ended before this line was run. */
  isNotRun: boolean;
  /** The `id` in the answer's body. */
  answerId: string | null;
  tokens: number;
}

/** As the files have it on their lines; only what is read here. */
interface LineOnWire {
  custom_id: string;
  response: { status_code: number; body: { id?: string; usage?: { total_tokens?: number } } } | null;
  error: { code: string } | null;
}

const NOT_RUN = ['batch_cancelled', 'batch_expired'];

export class ResultLines {
  readonly output: ResultLine[];
  readonly error: ResultLine[];
  /** What could not be understood, in words. */
  readonly unreadable: string[] = [];

  /** @param output text of the output file, and @param error of the error file; empty when there is none */
  constructor(output: string, error: string) {
    this.output = this.read('output', output);
    this.error = this.read('error', error);
  }

  get all(): ResultLine[] {
    return [...this.output, ...this.error];
  }

  private read(name: string, text: string): ResultLine[] {
    if (text !== '' && !text.endsWith('\n')) this.unreadable.push(`the ${name} file breaks off in its last line`);
    const lines = text === '' ? [] : text.replace(/\n$/, '').split('\n');
    return lines.flatMap((line, at) => {
      try {
        return [toResultLine(JSON.parse(line) as LineOnWire)];
      } catch (error) {
        this.unreadable.push(`the ${name} file, line ${at + 1}: ${String(error)}`);
        return [];
      }
    });
  }
}

function toResultLine({ custom_id, response, error }: LineOnWire): ResultLine {
  if (typeof custom_id !== 'string' || (response === null) === (error === null)) {
    throw new TypeError('it needs a custom_id, and a response or an error');
  }
  return {
    customId: custom_id,
    isGood: response !== null && response.status_code < 400,
    isNotRun: error !== null && NOT_RUN.includes(error.code),
    answerId: response?.body.id ?? null,
    tokens: response?.body.usage?.total_tokens ?? 0,
  };
}
