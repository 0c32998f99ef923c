/** For services that a test does not want to die: the log of one that did would be gone with its folder. */
export function reportDeath({ message }: Error): void {
  process.stderr.write(`${message}\n`);
}
