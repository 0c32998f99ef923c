import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readEvents, type TaskEvent } from './event-reader.js';

function streamOf(pieces: readonly Uint8Array[]): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      for (const piece of pieces) controller.enqueue(piece);
      controller.close();
    },
  });
}

async function read(...pieces: readonly (string | Uint8Array)[]): Promise<TaskEvent[]> {
  const bytes = pieces.map((piece) => (typeof piece === 'string' ? Buffer.from(piece) : piece));
  const events: TaskEvent[] = [];
  for await (const event of readEvents(streamOf(bytes))) events.push(event);
  return events;
}

const EVENTS = ': ping\n\nid:1\nevent:word\ndata:{"ä":"😀"}\n\nid: 2\rdata: two\rdata: lines\r\rdata:[DONE]\r\n\r\n';
const READ: TaskEvent[] = [
  { id: '1', name: 'word', text: '{"ä":"😀"}', data: { ä: '😀' } },
  { id: '2', name: null, text: 'two\nlines', data: 'two\nlines' },
  { id: null, name: null, text: '[DONE]', data: '[DONE]' },
];

describe('a stream of events', () => {
  it('is read with all line ends, comments and data of several lines', async () => {
    expect(await read(EVENTS)).toEqual(READ);
  });

  it('is read the same however it is cut into pieces', async () => {
    const bytes = Buffer.from(EVENTS);
    const cuts = fc.array(fc.integer({ min: 0, max: bytes.length }), { maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(cuts, async (places) => {
        const ends = [0, ...places.sort((a, b) => a - b), bytes.length];
        const pieces = ends.slice(1).map((end, index) => bytes.subarray(ends[index], end));
        expect(await read(...pieces)).toEqual(READ);
      }),
    );
  });

  it('leaves out what is not whole, and frames without data', async () => {
    expect(await read('id:1\n\ndata:a\n\ndata:b\n')).toEqual([{ id: null, name: null, text: 'a', data: 'a' }]);
  });

  it('is let go of when its reader stops early', async () => {
    let isCancelled = false;
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(Buffer.from('data:1\n\n')),
      cancel: () => void (isCancelled = true),
    });
    for await (const { data } of readEvents(body)) if (data === 1) break;
    expect(isCancelled).toBe(true);
  });
});
