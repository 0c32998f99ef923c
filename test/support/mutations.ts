/** Batch files, good ones and damaged ones, for tests that try thousands of them (fast-check). */
import fc, { type Arbitrary } from 'fast-check';

const CHAT = '/v1/chat/completions';

const message = fc.record({ role: fc.constant('user'), content: fc.string({ unit: 'grapheme', maxLength: 20 }) });

/** One that would run. */
export const goodLine: Arbitrary<object> = fc.record({
  custom_id: fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 8 }),
  method: fc.constant('POST'),
  url: fc.constant(CHAT),
  body: fc.record({ model: fc.constantFrom('m', 'n'), messages: fc.array(message, { maxLength: 3 }) }),
});

/** A value of any type, some of them such as to make trouble. */
const odd: Arbitrary<unknown> = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }),
  fc.constantFrom<unknown>('', '\0', '\ud800', '__proto__', -1, 1e300, 2 ** 53 + 2, [], {}, [[[]]], null, true),
  fc.string({ unit: 'binary', maxLength: 12 }),
);

const FIELDS = [
  'custom_id',
  'method',
  'url',
  'body',
  'body.model',
  'body.messages',
  'body.stream',
  '__proto__',
] as const;

/** Puts another value, or none, in the place of a field. */
const oddLine: Arbitrary<object> = fc
  .tuple(goodLine, fc.constantFrom(...FIELDS), fc.option(odd, { nil: undefined }))
  .map(([line, path, value]) => {
    const changed = structuredClone(line) as Record<string, unknown>;
    const names = path.split('.');
    const holder = names.length === 1 ? changed : (changed['body'] as Record<string, unknown>);
    Object.defineProperty(holder, names.at(-1)!, { value, enumerable: true, configurable: true, writable: true });
    return changed;
  });

/** A line as text, most of them good. */
export const textLine: Arbitrary<string> = fc
  .oneof({ weight: 3, arbitrary: goodLine }, { weight: 2, arbitrary: oddLine })
  .map((line) => JSON.stringify(line));

/** What happens to bytes on their way. */
type Damage =
  | { kind: 'flip'; at: number; bit: number }
  | { kind: 'cut'; at: number }
  | { kind: 'drop'; at: number; length: number }
  | { kind: 'insert'; at: number; bytes: Uint8Array };

const place = fc.nat({ max: 999_999 });
const someDamage: Arbitrary<Damage> = fc.oneof(
  fc.record({ kind: fc.constant('flip' as const), at: place, bit: fc.nat({ max: 7 }) }),
  fc.record({ kind: fc.constant('cut' as const), at: place }),
  fc.record({ kind: fc.constant('drop' as const), at: place, length: fc.integer({ min: 1, max: 9 }) }),
  fc.record({
    kind: fc.constant('insert' as const),
    at: place,
    bytes: fc.oneof(
      fc.uint8Array({ minLength: 1, maxLength: 4 }),
      fc
        .constantFrom('\n', '\r\n', '\0', '\uFEFF', '"', '\\', '{', '[', ',')
        .map((text) => new TextEncoder().encode(text)),
    ),
  }),
);

/** The bytes of a text, damaged in up to three places; now and then in none. */
export function mutated(text: Arbitrary<string>): Arbitrary<Buffer> {
  return fc
    .tuple(text, fc.array(someDamage, { maxLength: 3 }))
    .map(([whole, damages]) => damages.reduce(suffer, Buffer.from(whole)));
}

function suffer(bytes: Buffer, damage: Damage): Buffer {
  if (bytes.length === 0) return bytes;
  const at = damage.at % bytes.length;
  switch (damage.kind) {
    case 'flip': {
      const flipped = Buffer.from(bytes);
      flipped[at] = flipped[at]! ^ (1 << damage.bit);
      return flipped;
    }
    case 'cut':
      return bytes.subarray(0, at);
    case 'drop':
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + damage.length)]);
    default:
      return Buffer.concat([bytes.subarray(0, at), damage.bytes, bytes.subarray(at)]);
  }
}
