/** Callbacks written into the store of a server by hand, as the end of a task writes them, and read back. */
import type { DataSource } from 'typeorm';
import { CALLBACK_STATE_CODE } from '../../src/kernel/callback-state.js';
import { newId } from '../../src/kernel/ids.js';
import { TASK_STATE_CODE } from '../../src/kernel/task-state.js';
import { CallbackAttemptRow } from '../../src/store/entities/callback-attempt.entity.js';
import { CallbackRow } from '../../src/store/entities/callback.entity.js';
import { TaskResultRow } from '../../src/store/entities/task-result.entity.js';
import { TaskRow } from '../../src/store/entities/task.entity.js';
import { TenantRow } from '../../src/store/entities/tenant.entity.js';
import { WebhookSecretRow } from '../../src/store/entities/webhook-secret.entity.js';
import type { Place } from './place.js';

export interface SeededCallback {
  id: string;
  taskId: string;
}

/** A second connection to the store of a server, which may run meanwhile. */
export class Outbox {
  private constructor(private readonly source: DataSource) {}

  static async open(place: Place): Promise<Outbox> {
    return new Outbox(await place.openSource());
  }

  close(): Promise<void> {
    return this.source.destroy();
  }

  /** A completed task of the default tenant with this answer, and its callback, which is due at once. */
  async add(url: string, body: string): Promise<SeededCallback> {
    const now = Date.now();
    const [id, taskId] = [newId('callback'), newId('task')];
    const { seq: tenantSeq } = await this.source.manager.findOneByOrFail(TenantRow, { name: 'default' });
    // Writes only: a transaction that reads first fails when the server writes in between.
    await this.source.transaction(async (manager) => {
      const task = manager.create(TaskRow, {
        id: taskId,
        tenantSeq,
        queueSeq: 1,
        laneSeq: 1,
        mode: 'callback',
        callbackUrl: url,
        state: TASK_STATE_CODE.completed,
        enqueuedAt: now,
        endedAt: now,
        statusCode: 200,
      });
      await manager.insert(TaskRow, task);
      await manager.insert(TaskResultRow, { taskSeq: task.seq, statusCode: 200, requestId: 'req_7', body });
      await manager.insert(CallbackRow, {
        id,
        tenantSeq,
        taskSeq: task.seq,
        url,
        target: new URL(url).origin,
        state: CALLBACK_STATE_CODE.waiting,
        availableAt: now,
        createdAt: now,
      });
    });
    return { id, taskId };
  }

  /** For each URL a callback of this tenant that tells of no task, and is due at once. */
  async addPlain(urls: readonly string[], tenantName: string): Promise<void> {
    const now = Date.now();
    const { seq: tenantSeq } = await this.source.manager.findOneByOrFail(TenantRow, { name: tenantName });
    const rows = urls.map((url) => ({
      id: newId('callback'),
      tenantSeq,
      url,
      target: new URL(url).origin,
      body: '{}',
      state: CALLBACK_STATE_CODE.waiting,
      availableAt: now,
      createdAt: now,
    }));
    await this.source.createQueryBuilder().insert().into(CallbackRow).values(rows).updateEntity(false).execute();
  }

  callback({ id }: SeededCallback): Promise<CallbackRow> {
    return this.source.manager.findOneByOrFail(CallbackRow, { id });
  }

  async attempts(callback: SeededCallback): Promise<CallbackAttemptRow[]> {
    const { seq } = await this.callback(callback);
    return this.source.manager.find(CallbackAttemptRow, { where: { callbackSeq: seq }, order: { seq: 'asc' } });
  }

  /** As if no tenant had a webhook secret. */
  async forgetSecrets(): Promise<void> {
    await this.source.manager.createQueryBuilder().delete().from(WebhookSecretRow).execute();
  }

  /** Ends the wait for its next try. */
  async makeDue({ id }: SeededCallback): Promise<void> {
    await this.source.manager.update(CallbackRow, { id }, { availableAt: Date.now() });
  }
}
