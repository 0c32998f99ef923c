/** What is printed for people: how wide it may be, and what text from elsewhere must not do to a terminal. */
import { isatty } from 'node:tty';
import pc from 'picocolors';

/** Where a command prints. */
export interface Screen {
  /** Columns of the terminal; a fixed width when the output goes to a file or a program. */
  width: number;
  /** Whether a person sees it come, so that lines may be drawn again. */
  isTerminal: boolean;
  stream: NodeJS.WritableStream;
  colors: ReturnType<typeof pc.createColors>;
  print: (line: string) => void;
}

const WIDTH_OF_A_FILE = 100;
/** Narrower than this nothing can be laid out; the terminal wraps instead. */
const LEAST_WIDTH = 40;

/** Standard output. No colours when it goes to a file or a program, or when `NO_COLOR` is set. */
export function openScreen(): Screen {
  // Not by way of the stream: the specs look at what goes to the console.
  return screenOn(process.stdout, (line) => console.log(line));
}

/** Standard error, for what is not the result of a command: its progress, and notes beside a result that is piped on. */
export function openErrorScreen(): Screen {
  return screenOn(process.stderr, (line) => console.error(line));
}

function screenOn(stream: NodeJS.WriteStream & { fd: number }, print: (line: string) => void): Screen {
  const isTerminal = isatty(stream.fd);
  return {
    width: isTerminal ? Math.max(LEAST_WIDTH, stream.columns) : WIDTH_OF_A_FILE,
    isTerminal,
    stream,
    colors: pc.createColors(isTerminal && pc.isColorSupported),
    print,
  };
}

/** `text` in one line without control characters, which could move the cursor or worse. */
export function oneLine(text: string): string {
  return text.replaceAll(/[\s\p{Cc}\p{Cf}]+/gu, ' ').trim();
}

/** `text` cut to `width` columns, with `…` at its end where something is missing. */
export function clip(text: string, width: number): string {
  const segments = Array.from(new Intl.Segmenter().segment(text), ({ segment }) => segment);
  if (columnsOf(segments) <= width) return text;
  while (columnsOf(segments) > width - 1) segments.pop();
  return `${segments.join('').trimEnd()}…`;
}

/** East Asian characters and pictures take two columns. */
const WIDE =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u;

function columnsOf(segments: readonly string[]): number {
  return segments.reduce((sum, segment) => sum + (WIDE.test(segment) ? 2 : 1), 0);
}
