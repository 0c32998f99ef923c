import { pino, type DestinationStream, type LevelWithSilent, type Logger } from 'pino';
import pinoPretty from 'pino-pretty';
import { briefOf, isOutage } from '../kernel/errors.js';
import { OutageLines } from './outage-lines.js';
import { redactLine } from './redaction.js';

export interface LogOptions {
  level: LevelWithSilent;
  /** For people or for machines. */
  format: 'pretty' | 'json';
}

/** What a line says beside its message. Errors go under `err`, the id of an HTTP request under `requestId`. */
export type LogFields = object;

/**
 * Logs to `stream`, by default standard output. Lines are written before the call returns, so none is lost when the
 * process ends.
 */
export function createLogger({ level, format }: LogOptions, stream?: DestinationStream): AppLogger {
  const destination = stream ?? pino.destination({ dest: 1, sync: true });
  const root = pino(
    {
      level,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: pino.stdSerializers.err, error: pino.stdSerializers.err },
      hooks: { streamWrite: redactLine },
    },
    format === 'json' ? destination : prettyStream(destination, stream === undefined && pinoPretty.isColorSupported),
  );
  return new AppLogger(root);
}

/** pino-pretty's own stream writes later, and so loses lines at exit. */
function prettyStream(destination: DestinationStream, colorize: boolean): DestinationStream {
  const toText = pinoPretty.prettyFactory({
    colorize,
    ignore: 'pid,hostname',
    translateTime: 'SYS:HH:MM:ss.l',
    singleLine: true,
  });
  return { write: (line) => destination.write(toText(line)) };
}

/**
 * The log of one part of the server. Get one with `child`, and give each line its facts as fields, not as text.
 *
 * A line whose `err` is only an outage has no stack, and is told at its level now and then; `debug` has each of them.
 */
export class AppLogger {
  private readonly pino: Logger;

  constructor(
    private readonly root: Logger,
    private readonly bindings: LogFields = {},
    private readonly outages = new OutageLines(),
  ) {
    this.pino = root.child(bindings);
  }

  /** A log whose lines carry `name` and `fields`, and the fields of this one. */
  child(name: string, fields: LogFields = {}): AppLogger {
    return new AppLogger(this.root, { ...this.bindings, ...fields, name }, this.outages);
  }

  trace(fields: LogFields, message: string): void {
    this.pino.trace(fields, message);
  }

  /** Whether `debug` writes anything: for who would have to gather the fields first, at each request. */
  get isDebugging(): boolean {
    return this.pino.isLevelEnabled('debug');
  }

  debug(fields: LogFields, message: string): void {
    this.pino.debug(fields, message);
  }

  info(fields: LogFields, message: string): void {
    this.pino.info(fields, message);
  }

  warn(fields: LogFields, message: string): void {
    this.tell('warn', fields, message);
  }

  error(fields: LogFields, message: string): void {
    this.tell('error', fields, message);
  }

  fatal(fields: LogFields, message: string): void {
    this.pino.fatal(fields, message);
  }

  private tell(level: 'warn' | 'error', fields: LogFields, message: string): void {
    if (!('err' in fields) || !isOutage(fields.err)) {
      this.pino[level](fields, message);
      return;
    }
    const { err, ...others } = fields;
    const brief = { ...others, ...briefOf(err) };
    const keptBack = this.outages.tell(`${err.code}: ${message}`);
    if (keptBack === null) this.pino.debug(brief, message);
    else this.pino[level](keptBack === 0 ? brief : { ...brief, keptBack }, message);
  }
}
