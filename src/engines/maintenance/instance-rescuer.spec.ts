import { describe, expect, it } from 'vitest';
import { SILENT_MS } from '../../modules/instances/instance-policy.js';
import type { InstanceService } from '../../modules/instances/instance.service.js';
import type { LeaseRescue } from '../../modules/instances/lease-rescue.js';
import type { InstanceStore } from '../../store/instance.store.js';
import { createLogger } from '../../telemetry/logger.js';
import { InstanceRescuer } from './instance-rescuer.js';

describe('InstanceRescuer', () => {
  const ended: unknown[][] = [];
  const own = { seq: 7, steadyMs: 0 };
  const rescuer = new InstanceRescuer(
    { isAlone: false },
    own as InstanceService,
    { endSilent: async (...args: unknown[]) => void ended.push(args) } as unknown as InstanceStore,
    { async *takeBackEnded() {} } as unknown as LeaseRescue,
    createLogger({ level: 'silent', format: 'json' }),
  );

  it('declares nobody dead until it was steady itself for as long as they were silent', async () => {
    own.steadyMs = SILENT_MS - 1;
    await rescuer.run();
    expect(ended).toEqual([]);
    own.steadyMs = SILENT_MS;
    await rescuer.run();
    expect(ended).toEqual([[7, SILENT_MS]]);
  });
});
