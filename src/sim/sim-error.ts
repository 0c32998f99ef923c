/** An answer other than 200, in the envelope that OpenAI's SDKs read. */
export class SimError extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly code: string | null = null,
    readonly param: string | null = null,
    readonly type: string = typeOf(status),
  ) {
    super(message);
  }

  /** The JSON body; all four keys are always there. */
  body(): string {
    const { message, type, param, code } = this;
    return JSON.stringify({ error: { message, type, param, code } });
  }
}

export function missingParameter(name: string): SimError {
  return new SimError(400, `Missing required parameter: '${name}'.`, 'missing_required_parameter', name);
}

export function invalidType(name: string, expected: string, value: unknown): SimError {
  const got = value === null ? 'null' : Array.isArray(value) ? 'an array' : `a value of type ${typeof value}`;
  const message = `Invalid type for '${name}': expected ${expected}, but got ${got} instead.`;
  return new SimError(400, message, 'invalid_type', name);
}

export function emptyArray(name: string): SimError {
  const message = `Invalid '${name}': empty array. Expected an array with minimum length 1, but got an empty array instead.`;
  return new SimError(400, message, 'empty_array', name);
}

export function tooManyCalls(message: string): SimError {
  return new SimError(429, message, 'rate_limit_exceeded', null, 'requests');
}

export function unknownModel(model: string): SimError {
  const message = `The model \`${model}\` does not exist or you do not have access to it.`;
  return new SimError(404, message, 'model_not_found');
}

/** The error that a call asked for, or that a rate decided. */
export function simulatedError(status: number): SimError {
  const message = `Simulated error: this call was told to end with status ${status}.`;
  if (status === 429) return tooManyCalls(message);
  return new SimError(status, message, CODES[status] ?? null);
}

const CODES: Readonly<Record<number, string>> = {
  401: 'invalid_api_key',
  404: 'model_not_found',
  503: 'server_is_overloaded',
};

function typeOf(status: number): string {
  if (status < 500) return 'invalid_request_error';
  return status === 503 ? 'service_unavailable_error' : 'server_error';
}
