import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { makeTemporaryFolder } from '../../../test/support/temporary-folder.js';
import { differences, StateFile, type RunRequest, type RunState } from './run-state.js';

const REQUEST: RunRequest = {
  sha256: 'ab',
  endpoint: '/v1/embeddings',
  completionWindow: '24h',
  queue: null,
  level: null,
  model: null,
};
const STATE: RunState = { format: 1, request: REQUEST, url: 'http://x', runId: 'r', fileId: 'file-1', batchId: null };

describe('the state of a run', () => {
  it('is kept in one file, and gone when it is done', async () => {
    const folder = await makeTemporaryFolder();
    const file = new StateFile(join(folder.path, 'out.run'));
    expect(file.read()).toBeNull();
    file.write(STATE);
    file.write({ ...STATE, batchId: 'batch_1' });
    expect(file.read()).toEqual({ ...STATE, batchId: 'batch_1' });
    expect(readdirSync(folder.path)).toEqual(['out.run']);
    writeFileSync(join(folder.path, 'out.run'), '{"format":2}');
    expect(() => file.read()).toThrow('--fresh');
    file.remove();
    expect(file.read()).toBeNull();
    await folder.remove();
  });

  it('names what differs', () => {
    expect(differences(REQUEST, { ...REQUEST })).toEqual([]);
    expect(differences(REQUEST, { ...REQUEST, sha256: 'cd', level: 3 })).toEqual(['the input file', '--level']);
  });
});
