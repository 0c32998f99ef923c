/** A server that dies at each step of an upload. What was not answered is not there; what was answered is whole. */
import { APIConnectionError } from 'openai';
import { afterEach, describe, expect, it } from 'vitest';
import { TestServer } from '../support/server.js';
import { jsonl, LINE } from '../support/uploads.js';

const TEXT = LINE.repeat(5_000);
/** Empty means not set. */
const NO_CRASH = { MILLRACE_TEST_CRASH_AT: '' };

let server: TestServer;
afterEach(() => server.close());

async function uploadInto(crashPoint: string): Promise<void> {
  server = await TestServer.start({ MILLRACE_TEST_CRASH_AT: crashPoint });
  const upload = server.openai.files.create({ file: await jsonl('in.jsonl', TEXT), purpose: 'batch' });
  await expect(upload).rejects.toBeInstanceOf(APIConnectionError);
  expect(await server.ended, 'the crash point was reached').toEqual({ code: null, signal: 'SIGKILL' });
  await server.restart(NO_CRASH);
}

async function expectWorking(): Promise<void> {
  const { id } = await server.openai.files.create({ file: await jsonl('again.jsonl', TEXT), purpose: 'batch' });
  expect(await (await server.openai.files.content(id)).text()).toBe(TEXT);
}

describe('a crash during an upload', () => {
  it.each([
    'upload:streaming',
    'upload:streaming:5',
    'blob.before_commit',
    'blob.after_commit',
    'upload:before-row',
    'write:file-create:before',
  ])('leaves nothing to be seen: at %s', async (crashPoint) => {
    await uploadInto(crashPoint);
    expect((await server.openai.files.list()).data).toEqual([]);
    expect(await server.place.unfinishedNames()).toEqual([]);
    await expectWorking();
  });

  it('leaves the whole file when it was stored and only the answer is missing', async () => {
    await uploadInto('write:file-create:after');
    const [file, ...others] = (await server.openai.files.list()).data;
    expect(others).toEqual([]);
    expect(file).toMatchObject({ filename: 'in.jsonl', bytes: TEXT.length });
    expect(await (await server.openai.files.content(file!.id)).text()).toBe(TEXT);
    await expectWorking();
  });
});
