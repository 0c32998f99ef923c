import { Injectable } from '@nestjs/common';
import { InstanceStore } from '../../store/instance.store.js';
import { HandlerRegistry } from '../handlers/handler-registry.js';
import { InstancePolicy } from './instance-policy.js';

/** A process that starts or ends is noticed this late at most by whoever puts tasks for its handlers. */
const FRESH_MS = 2_000;

/** The task types that functions of this deployment handle: here, or in another process that runs now. */
@Injectable()
export class HandledTypes {
  private known: Promise<ReadonlySet<string>> | null = null;
  private readAt = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly policy: InstancePolicy,
    private readonly registry: HandlerRegistry,
    private readonly instances: InstanceStore,
  ) {}

  async all(): Promise<ReadonlySet<string>> {
    if (this.policy.isAlone) return new Set(this.registry.handlers.keys());
    const now = performance.now();
    if (this.known === null || now - this.readAt > FRESH_MS) {
      const reading = this.instances.handledTypes();
      reading.catch(() => (this.known = null));
      this.known = reading;
      this.readAt = now;
    }
    return this.known;
  }
}
