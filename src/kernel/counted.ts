/** `1 task`, `2 tasks`, `0 tasks`. */
export function counted(count: number, one: string, several = `${one}s`): string {
  return `${count} ${count === 1 ? one : several}`;
}
