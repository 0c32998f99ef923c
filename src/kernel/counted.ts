/** `1 task`, `2 tasks`, `0 tasks`. */
export function counted(count: number, one: string, several = `${one}s`): string {
  return `${count} ${wordFor(count, one, several)}`;
}

/** The word alone, for whoever writes the number in a way of his own. */
export function wordFor(count: number, one: string, several: string): string {
  return count === 1 ? one : several;
}
