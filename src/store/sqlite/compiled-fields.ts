/**
 * Readers and makers of objects whose keys are known only at run time, compiled once for each list of keys. A look-up by a
 * name that is a variable costs several of those by a name that is in the code. And an object that is given its keys one by
 * one becomes a hash table at the seventeenth: twenty times as slow to make, and slow to read ever after.
 */
import { compileFunction } from 'node:vm';

/** The values of an object, in the order of the keys. */
export type ToValues = (object: Readonly<Record<string, unknown>>) => unknown[];

/** An object of the values that begin at `from`. */
export type ToObject = (values: readonly unknown[], from: number) => Record<string, unknown>;

export function compileToValues(keys: readonly string[]): ToValues {
  const reads = keys.map((key) => `object[${JSON.stringify(key)}]`);
  return compileFunction(`return [${reads.join(', ')}];`, ['object']) as ToValues;
}

export function compileToObject(keys: readonly string[]): ToObject {
  const fields = keys.map((key, index) => {
    const name = JSON.stringify(key);
    // In brackets this one is a key like any other.
    return `${key === '__proto__' ? `[${name}]` : name}: values[from + ${index}]`;
  });
  return compileFunction(`return { ${fields.join(', ')} };`, ['values', 'from']) as ToObject;
}
