/** A module of the server's own build, four folders up: benches are compiled into dist/bench/test/bench/tasks. */
export async function built<T>(path: string): Promise<T> {
  return (await import(new URL(`../../../../${path}`, import.meta.url).href)) as T;
}
