import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { MillraceError } from '../kernel/errors.js';
import { createLogger, type LogOptions } from './logger.js';

const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;

function capture(options: Partial<LogOptions> = {}) {
  const lines: string[] = [];
  const write = (line: string) => void lines.push(line);
  return { lines, logger: createLogger({ level: 'trace', format: 'json', ...options }, { write }) };
}

const parse = (line: string | undefined) => JSON.parse(line ?? 'null') as Record<string, unknown>;

describe('createLogger', () => {
  it('writes one JSON object a line, with level, time, name, fields and message', () => {
    const { logger, lines } = capture();
    logger.child('http').info({ requestId: 'req_1', statusCode: 200 }, 'answered');
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/\n$/);
    expect(parse(lines[0])).toMatchObject({
      level: 'info',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      name: 'http',
      requestId: 'req_1',
      statusCode: 200,
      msg: 'answered',
    });
  });

  it('logs its level and what is above', () => {
    const { logger, lines } = capture({ level: 'warn' });
    for (const level of LEVELS) logger[level]({}, level);
    expect(lines.map((line) => parse(line).msg)).toEqual(['warn', 'error', 'fatal']);
  });

  it('says nothing when silent', () => {
    const { logger, lines } = capture({ level: 'silent' });
    logger.fatal({}, 'the end');
    expect(lines).toEqual([]);
  });

  it('writes for people when pretty', () => {
    const { logger, lines } = capture({ format: 'pretty' });
    logger.child('batches', { requestId: 'req_1' }).warn({ lines: 3 }, 'slow');
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/^\[[\d:.]+\] WARN \(batches\): slow \{"requestId":"req_1","lines":3\}\n$/);
  });

  it('logs errors with their stack and cause', () => {
    const { logger, lines } = capture();
    const error = new Error('outer', { cause: new Error('inner') });
    logger.error({ err: error }, 'failed');
    expect(parse(lines[0]).err).toMatchObject({
      type: 'Error',
      message: 'outer: inner',
      stack: expect.stringContaining('at '),
    });
  });
});

describe('an outage', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
  afterEach(() => void vi.useRealTimers());

  const outage = (code: 'store_unavailable' | 'storage_unavailable' = 'store_unavailable') =>
    new MillraceError(code, 'not now', { cause: new Error('nobody answers') });

  it('is told without a stack, once a minute for each line, by whatever part of the server', () => {
    const { logger, lines } = capture({ level: 'info' });
    for (let n = 0; n < 1_000; n += 1) {
      logger.child('http').warn({ err: outage(), n }, 'refused');
      logger.child('sweeps').error({ err: outage() }, 'failed');
    }
    expect(lines.map(parse)).toMatchObject([
      { level: 'warn', name: 'http', n: 0, outage: 'not now', cause: 'nobody answers', msg: 'refused' },
      { level: 'error', name: 'sweeps', outage: 'not now', msg: 'failed' },
    ]);
    expect(lines.join('')).not.toContain('stack');
    vi.advanceTimersByTime(60_000);
    logger.child('http').warn({ err: outage(), n: 1_000 }, 'refused');
    expect(parse(lines[2])).toMatchObject({ n: 1_000, keptBack: 999, msg: 'refused' });
    logger.child('http').warn({ err: outage('storage_unavailable') }, 'refused');
    expect(lines, 'that is another one').toHaveLength(4);
  });

  it('is told each time to those who debug', () => {
    const { logger, lines } = capture();
    for (let n = 0; n < 3; n += 1) logger.error({ err: outage() }, 'failed');
    expect(lines.map((line) => parse(line).level)).toEqual(['error', 'debug', 'debug']);
    expect(lines.join('')).not.toContain('stack');
  });

  it('keeps nothing else back, and says what it is where it has a code only', () => {
    const { logger, lines } = capture({ level: 'info' });
    for (let n = 0; n < 3; n += 1) logger.error({ err: new Error('a defect') }, 'failed');
    expect(lines).toHaveLength(3);
    const cause = Object.assign(new AggregateError([]), { code: 'ECONNREFUSED' });
    logger.warn({ err: new MillraceError('store_unavailable', 'not now', { cause }) }, 'failed');
    expect(parse(lines[3])).toMatchObject({ outage: 'not now', cause: 'ECONNREFUSED' });
  });
});

describe('child', () => {
  it('keeps the fields of its parents, and has one name', () => {
    const { logger, lines } = capture();
    logger.child('http', { requestId: 'req_1' }).child('batches', { batchId: 'batch_1' }).info({}, 'made');
    expect(parse(lines[0])).toMatchObject({ name: 'batches', requestId: 'req_1', batchId: 'batch_1' });
    expect(lines[0]?.match(/"name"/g)).toHaveLength(1);
  });
});

describe('a secret', () => {
  const CANARY = 'canary-91c04d77';
  const leaky = () => {
    const error = Object.assign(new Error(`refused: Bearer ${CANARY}`), {
      config: { headers: { authorization: CANARY }, upstream: { key: CANARY } },
    });
    return {
      authorization: CANARY,
      headers: { authorization: `Bearer ${CANARY}`, cookie: CANARY, 'set-cookie': [CANARY], 'x-api-key': CANARY },
      config: { adminKey: CANARY, secret: CANARY, upstream: { url: 'http://h', key: CANARY } },
      env: { MILLRACE_ADMIN_KEY: CANARY, MILLRACE_SECRET: CANARY, MILLRACE_UPSTREAM_KEY: CANARY },
      err: error,
      error,
    };
  };

  it.each(LEVELS.flatMap((level) => (['json', 'pretty'] as const).map((format) => ({ level, format }))))(
    'never reaches the log: $level, $format',
    ({ level, format }) => {
      const { logger, lines } = capture({ format });
      logger[level](leaky(), `sending Bearer ${CANARY}`);
      logger.child('http', { apiKey: CANARY })[level]({}, 'bound');
      logger[level](new Error(`sk-${CANARY}`), 'thrown');
      expect(lines).toHaveLength(3);
      expect(lines.join('')).not.toContain(CANARY);
      expect(lines.join('')).toContain('[redacted]');
    },
  );
});
