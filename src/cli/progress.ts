/** The progress of a batch: a bar on a terminal, a line for every ten per cent elsewhere. */
import cliProgress from 'cli-progress';
import { Pace } from './pace.js';
import type { Screen } from './terminal.js';

/** Lines of a batch by what became of them. */
export interface LineCounts {
  total: number;
  completed: number;
  failed: number;
}

export interface Progress {
  show: (counts: LineCounts) => void;
  /** Prints a line above the bar. */
  note: (line: string) => void;
  /** Leaves the terminal as it was, and what was drawn last on it. */
  stop: () => void;
}

/** What is known at one moment. */
export interface ProgressState {
  total: number;
  completed: number;
  failed: number;
  perSecond: number;
  secondsLeft: number | null;
}

const STEP_PERCENT = 10;
const CLEARED_LINE = '\r\u001b[K';
const LONGEST_BAR = 40;
const SHORTEST_BAR = 6;

/** @param total lines that the batch will have; it says so itself only when all are checked */
export function showProgress(screen: Screen, total: number): Progress {
  const pace = new Pace(total);
  const stateOf = ({ completed, failed }: LineCounts): ProgressState => {
    pace.note(completed + failed, performance.now());
    return { total, completed, failed, perSecond: pace.perSecond(), secondsLeft: pace.secondsLeft() };
  };
  return screen.isTerminal ? barOn(screen, total, stateOf) : linesOn(screen, stateOf);
}

type StateOf = (counts: LineCounts) => ProgressState;

function barOn(screen: Screen, total: number, stateOf: StateOf): Progress {
  const bar = new cliProgress.SingleBar({
    stream: screen.stream,
    hideCursor: true,
    forceRedraw: true, // a note may stand where it was drawn
    gracefulExit: false, // Ctrl-C is the matter of the command, which calls stop().
    format: (_options, _params, payload: { line: string }) => payload.line,
  });
  const drawn = (counts: LineCounts) => ({ line: screen.colors.cyan(barLine(stateOf(counts), screen.width)) });
  bar.start(total, 0, drawn({ total, completed: 0, failed: 0 }));
  return {
    show: (counts) => bar.update(counts.completed + counts.failed, drawn(counts)),
    note: (line) => {
      screen.stream.write(CLEARED_LINE);
      screen.print(line);
      bar.render();
    },
    stop: () => bar.stop(),
  };
}

function linesOn(screen: Screen, stateOf: StateOf): Progress {
  let step = 0;
  return {
    show: (counts) => {
      const state = stateOf(counts);
      const reached = Math.floor(percentOf(state) / STEP_PERCENT);
      if (reached > step) screen.print(`  ${figures(state)}`);
      step = reached;
    },
    note: screen.print,
    stop: () => {},
  };
}

/** Bar and figures, at most `width` columns; where there is little room the bar gets shorter. */
export function barLine(state: ProgressState, width: number): string {
  const text = figures(state);
  const length = Math.max(SHORTEST_BAR, Math.min(LONGEST_BAR, width - text.length - 5));
  const full = state.total === 0 ? 0 : Math.floor(((state.completed + state.failed) / state.total) * length);
  return `  ${'█'.repeat(full)}${'░'.repeat(length - full)}  ${text}`;
}

/** Such as ` 62 %  198/320  3 failed   71/s   2 s left`, as wide at the start as in the end. */
function figures(state: ProgressState): string {
  const { total, completed, failed, perSecond, secondsLeft } = state;
  const digits = String(total).length;
  const left = secondsLeft === null ? '–' : String(Math.ceil(secondsLeft));
  return [
    `${String(percentOf(state)).padStart(3)} %`,
    `${String(completed + failed).padStart(digits)}/${total}`,
    `${failed} failed`,
    `${String(Math.round(perSecond)).padStart(4)}/s`,
    `${left.padStart(3)} s left`,
  ].join('  ');
}

function percentOf({ total, completed, failed }: ProgressState): number {
  return total === 0 ? 0 : Math.floor(((completed + failed) / total) * 100);
}
