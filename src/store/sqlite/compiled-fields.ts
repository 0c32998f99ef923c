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

export interface CompiledFields {
  toValues: ToValues;
  toObject: ToObject;
}

export function compileFields(keys: readonly string[]): CompiledFields {
  const names = keys.map((key) => JSON.stringify(key));
  const reads = names.map((name) => `object[${name}]`);
  // In brackets this one is a key like any other.
  const fields = names.map((name, index) => `${name === '"__proto__"' ? `[${name}]` : name}: values[from + ${index}]`);
  return {
    toValues: compileFunction(`return [${reads.join(', ')}];`, ['object']) as ToValues,
    toObject: compileFunction(`return { ${fields.join(', ')} };`, ['values', 'from']) as ToObject,
  };
}
