import { describe, expect, it } from 'vitest';
import type { ProgressEvent } from '../../kernel/progress-event.js';
import { EventStreamReader, isEventStream } from './event-stream-reader.js';

function read(...pieces: (string | Buffer)[]): { groups: ProgressEvent[][]; reader: EventStreamReader } {
  const groups: ProgressEvent[][] = [];
  const reader = new EventStreamReader();
  reader.passTo((events) => groups.push(events));
  for (const piece of pieces) reader.take(Buffer.from(piece));
  return { groups, reader };
}

const dataOf = (groups: ProgressEvent[][]) => groups.map((events) => events.map(({ data }) => data));

describe('EventStreamReader', () => {
  it('passes on the events of one piece together, as they were written', () => {
    const { groups } = read('data: {"n": 12345678901234567890}\n\ndata: {"n":2}\n\n', 'data: [DONE]\n\n');
    expect(dataOf(groups)).toEqual([['{"n": 12345678901234567890}', '{"n":2}'], ['"[DONE]"']]);
  });

  it('keeps ids and names, and passes comments over', () => {
    const { groups } = read(': ping\n\nid: 7\nevent: response.created\ndata: {}\n\n');
    expect(groups).toEqual([[{ id: '7', name: 'response.created', data: '{}' }]]);
  });

  it('puts pieces together that are cut anywhere, also in a character', () => {
    const bytes = Buffer.from('data: {"text":"größer 🌊"}\r\n\r\n');
    const { groups } = read(...Array.from(bytes, (byte) => Buffer.from([byte])));
    expect(dataOf(groups)).toEqual([['{"text":"größer 🌊"}']]);
  });

  it.each(['{"oops', '[1,', '17', '"text"', 'plain'])('takes %s for a text', (data) => {
    expect(dataOf(read(`data: ${data}\n\n`).groups)).toEqual([[JSON.stringify(data)]]);
  });

  it('passes on a last event without an end when the stream ends well', () => {
    const { groups, reader } = read('data: [DONE]');
    expect(groups).toEqual([]);
    reader.end();
    expect(dataOf(groups)).toEqual([['"[DONE]"']]);
  });

  it('keeps what comes before anybody wants it', () => {
    const reader = new EventStreamReader();
    const groups: ProgressEvent[][] = [];
    reader.take(Buffer.from('data: 1\n\n'));
    reader.take(Buffer.from('data: 2\n\n'));
    reader.passTo((events) => groups.push(events));
    reader.take(Buffer.from('data: 3\n\n'));
    expect(dataOf(groups)).toEqual([['"1"', '"2"'], ['"3"']]);
  });

  it.each([
    ['{"usage":{"prompt_tokens":3}}', { prompt_tokens: 3 }],
    ['{"response":{"usage":{"input_tokens":4}}}', { input_tokens: 4 }],
    ['{"usage":null,"response":null}', null],
  ])('notes the tokens in %s', (data, usage) => {
    expect(read(`data: ${data}\n\n`).reader.usage).toEqual(usage);
  });
});

describe('isEventStream', () => {
  it.each([
    ['text/event-stream', true],
    ['Text/Event-Stream; charset=utf-8', true],
    ['application/json', false],
    ['text/event-streams', false],
    [undefined, false],
  ])('of %s: %s', (type, isIt) => expect(isEventStream(type)).toBe(isIt));
});
