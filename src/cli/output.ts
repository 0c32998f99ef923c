import { openScreen, type Screen } from './terminal.js';

/** Every command that shows something can also say it to a program. */
export const JSON_OPTION = ['--json', 'print JSON, for programs'] as const;

/** Prints `value` as JSON if that was asked for, else what `draw` makes of it. */
export function show(value: unknown, isJson: boolean | undefined, draw: (screen: Screen) => readonly string[]): void {
  const screen = openScreen();
  if (isJson) screen.print(JSON.stringify(value, null, 2));
  else for (const line of draw(screen)) screen.print(line);
}
