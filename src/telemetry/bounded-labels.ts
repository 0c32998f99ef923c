/** Values of one label beyond this many, in order of appearance, become `other`. */
export const MAX_LABEL_VALUES = 100;
/** Names of models come from callers, who may send anything. */
export const MAX_LABEL_LENGTH = 100;
export const OTHER = 'other';

export type Labels<L extends string> = Readonly<Record<L, string>>;

/**
 * Caps how many series one metric can grow to, whatever callers send. A label has the same values in all metrics, so
 * that they can be joined.
 */
export class BoundedLabels {
  private readonly seen = new Map<string, Set<string>>();

  /** `value`, or `other`. */
  bounded(label: string, value: string): string {
    let values = this.seen.get(label);
    if (!values) this.seen.set(label, (values = new Set()));
    if (values.has(value)) return value;
    if (values.size >= MAX_LABEL_VALUES || value.length > MAX_LABEL_LENGTH) return OTHER;
    values.add(value);
    return value;
  }

  /** The same for all labels of a measurement; returns `labels` itself when nothing changes. */
  boundedAll<L extends string>(labels: Labels<L>): Labels<L> {
    let result = labels;
    for (const label in labels) {
      const value = this.bounded(label, labels[label]);
      if (value !== labels[label]) result = { ...result, [label]: value };
    }
    return result;
  }
}
