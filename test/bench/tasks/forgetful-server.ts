/** The server as it is, except that a `put` is answered for without being stored: what HTTP alone costs. */
import type { GroupCommit } from '../../../src/store/group-commit.js';
import type { NewTask } from '../../../src/store/procedures/single-shapes.js';
import { built } from './built.js';

interface Call {
  name: string;
}

const { GroupCommit: Commits } = await built<{ GroupCommit: typeof GroupCommit }>('store/group-commit.js');
const { runServer } = await built<{ runServer: () => Promise<void> }>('bootstrap.js');
const prototype = Commits.prototype as unknown as { write: (call: Call, ...rest: unknown[]) => Promise<unknown> };
const { write } = prototype;

prototype.write = function forget(this: GroupCommit, call: Call, ...rest: unknown[]) {
  if (call.name !== 'task-put') return write.call(this, call, ...rest);
  const [tasks] = rest as [NewTask[]];
  return Promise.resolve(tasks.map(({ id }) => ({ kind: 'put', id, enqueuedAt: 0, isReady: true, leased: null })));
};

await runServer();
