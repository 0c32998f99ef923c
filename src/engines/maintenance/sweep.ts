/** A small regular job. Every sweep is safe when two servers run it at once; a leader runs it only for thrift. */
export abstract class Sweep {
  abstract readonly name: string;
  abstract readonly intervalMs: number;
  /** True when there was more to do than one step may. */
  abstract run(): Promise<boolean>;
}
