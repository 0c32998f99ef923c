/**
 * How events travel: one message is the sender's instance id, a space, and a JSON array of `[topic, event]`. The id comes
 * first so that a process can drop the echo of its own messages unread.
 */
import type { EventMap, Topic } from '../../ports/event-map.js';

export type Notice = { [T in Topic]: readonly [topic: T, event: EventMap[T]] }[Topic];

/** Characters of one event, as JSON; a larger one is sent as a hint, and who wants it reads the store. */
const MAX_EVENT = 64 * 1_024;
/** Of one message; what one turn publishes beyond is sent in several. */
const MAX_MESSAGE = 256 * 1_024;
/** Of a message from anybody: ours are smaller, and a huge one would stop this process for long. */
const MAX_FOREIGN = 1_024 * 1_024;

/** What must be in an event of each topic; more may be, from a newer version. */
const SHAPES: { [T in Topic]: (event: Record<string, unknown>) => boolean } = {
  'batch.ingest': ({ batchSeq }) => isCount(batchSeq),
  'batch.finalize': ({ batchSeq }) => isCount(batchSeq),
  'batch.abort': ({ batchSeq }) => isCount(batchSeq),
  'lane.ready': ({ laneSeq, count }) => isCount(laneSeq) && (count === null || isCount(count)),
  'task.ended': ({ taskId, seq, lastN }) =>
    typeof taskId === 'string' && [seq, lastN].every((hint) => hint === undefined || isCount(hint)),
  'task.progress': ({ taskId, lastN, events }) =>
    typeof taskId === 'string' && isCount(lastN) && Array.isArray(events) && events.every(isProgressEvent),
  'task.abort': ({ taskSeq }) => isCount(taskSeq),
  'upstream.condition': ({ upstreamSeq, fingerprint, condition }) =>
    isCount(upstreamSeq) && typeof fingerprint === 'string' && isCondition(condition),
  'callback.deliver': () => true,
  'access.changed': ({ keyId }) => typeof keyId === 'string',
  'queues.changed': () => true,
};

/** The text of one notice; null when it is too large and says nothing without what makes it so. */
export function encodeNotice<T extends Topic>(topic: T, event: EventMap[T]): string | null {
  const text = JSON.stringify([topic, event]);
  if (text.length <= MAX_EVENT) return text;
  if (topic !== 'task.progress') return null;
  const hint = JSON.stringify([topic, { ...event, events: [] }]);
  return hint.length <= MAX_EVENT ? hint : null;
}

/** Messages, in order, that hold all these texts. */
export function packNotices(instanceId: string, texts: readonly string[]): string[] {
  const messages: string[] = [];
  let packed: string[] = [];
  let size = 0;
  const close = (): void => {
    if (packed.length > 0) messages.push(`${instanceId} [${packed.join(',')}]`);
    packed = [];
    size = 0;
  };
  for (const text of texts) {
    if (size + text.length > MAX_MESSAGE) close();
    packed.push(text);
    size += text.length + 1;
  }
  close();
  return messages;
}

/** The notices of a message, and how many things in it were none. Own messages hold nothing. */
export function unpackNotices(ownId: string, message: string): { notices: Notice[]; malformed: number } {
  if (message.startsWith(`${ownId} `)) return { notices: [], malformed: 0 };
  const parsed = message.length > MAX_FOREIGN ? undefined : parse(message.slice(message.indexOf(' ') + 1));
  if (!Array.isArray(parsed)) return { notices: [], malformed: 1 };
  const notices = (parsed as unknown[]).filter(isNotice);
  return { notices, malformed: parsed.length - notices.length };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // counted as malformed
  }
}

function isNotice(item: unknown): item is Notice {
  if (!Array.isArray(item) || item.length !== 2) return false;
  const [topic, event] = item as unknown[];
  if (typeof topic !== 'string' || !Object.hasOwn(SHAPES, topic)) return false;
  return typeof event === 'object' && event !== null && SHAPES[topic as Topic](event as Record<string, unknown>);
}

function isCondition(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { allowed, isReduced, broken } = value as Record<string, unknown>;
  if (!isCount(allowed) || typeof isReduced !== 'boolean') return false;
  if (broken === null) return true;
  const { since, reason } = (broken ?? {}) as Record<string, unknown>;
  return isCount(since) && typeof reason === 'string';
}

function isProgressEvent(item: unknown): boolean {
  const { id, name, data } = (item ?? {}) as Record<string, unknown>;
  const isTextOrNull = (value: unknown): boolean => value === null || typeof value === 'string';
  return isTextOrNull(id) && isTextOrNull(name) && typeof data === 'string';
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
