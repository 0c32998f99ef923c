import { expect, it } from 'vitest';
import { MillraceError } from '../../kernel/errors.js';
import type { BlobStore } from '../../ports/blob-store.js';
import type { LeasedTask } from '../../store/procedures/task-shapes.js';
import type { SingleTaskStore } from '../../store/single-task.store.js';
import type { BatchSources } from './batch-sources.js';
import type { DispatchTelemetry } from './dispatch-telemetry.js';
import { SliceLoader } from './slice-loader.js';

it.each([
  ['a store that is away', new MillraceError('store_unavailable', 'It is away.'), 'no_storage'],
  ['blobs that are away', new MillraceError('storage_unavailable', 'They are away.'), 'no_storage'],
  ['a blob that is gone', new MillraceError('not_found', 'It is gone.'), 'no_body'],
])('tells %s from what asking again would not better', async (_, error, kind) => {
  const refuse = () => Promise.reject(error);
  const loader = new SliceLoader(
    { of: refuse } as unknown as BatchSources,
    {} as BlobStore,
    { bySeqs: refuse } as unknown as SingleTaskStore,
    { failed: () => {} } as unknown as DispatchTelemetry,
  );
  const slice = [{ seq: 1, batchSeq: null } as LeasedTask, { seq: 2, batchSeq: 5 } as LeasedTask];
  const inputs = await Promise.all(loader.load(slice).map(({ input }) => input));
  expect(inputs).toMatchObject([{ kind }, { kind }]);
});
