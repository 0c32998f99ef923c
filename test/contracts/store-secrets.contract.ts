import { expect, it } from 'vitest';
import { AuditEntryRow } from '../../src/store/entities/audit-entry.entity.js';
import type { TestStore } from '../support/store-factory.js';
import { range, seedTenant } from '../support/store-seeds.js';

/** The secrets that callbacks are signed with. */
export function exerciseStoreSecrets(store: TestStore): void {
  const secret = (tenantSeq: number, sealed: string) => ({ tenantSeq, sealed, last4: sealed.slice(-4) });
  const act = { tenantId: 'ten_1', by: 'admin' };

  it('is made once on first need, by however many at once', async () => {
    const tenantSeq = await seedTenant(store);
    expect(await store.webhookSecrets.find(tenantSeq)).toBeNull();
    const made = await Promise.all(
      range(1, 5).map((n) => store.webhookSecrets.ensure(secret(tenantSeq, `sealed${n}`))),
    );
    expect(new Set(made.map(({ sealed }) => sealed))).toEqual(new Set(['sealed1']));
  });

  it('keeps the one before for as long as it is told', async () => {
    const tenantSeq = await seedTenant(store);
    const rotate = (sealed: string, overlapMs: number) =>
      store.webhookSecrets.rotate({ ...secret(tenantSeq, sealed), ...act, overlapMs });
    expect(await rotate('first', 9_000)).toMatchObject({ sealed: 'first', previousSealed: null, previousUntil: null });
    store.clock.advance(10);
    const now = store.clock.now();
    const second = await rotate('second', 9_000);
    expect(second).toMatchObject({ sealed: 'second', last4: 'cond', rotatedAt: now });
    expect(second).toMatchObject({ previousSealed: 'first', previousUntil: now + 9_000 });
    expect(await rotate('third', 0)).toMatchObject({ sealed: 'third', previousSealed: null, previousUntil: null });
    const acts = await store.reader.find(AuditEntryRow, { order: { seq: 'asc' } });
    expect(acts.map(({ action }) => action)).toEqual([
      'webhook_secret.create',
      'webhook_secret.rotate',
      'webhook_secret.rotate',
    ]);
    expect(acts.map(({ detail }) => JSON.parse(detail!) as unknown)).toEqual([
      { last4: 'irst', overlapSeconds: 0 },
      { last4: 'cond', overlapSeconds: 9 },
      { last4: 'hird', overlapSeconds: 0 },
    ]);
  });
}
