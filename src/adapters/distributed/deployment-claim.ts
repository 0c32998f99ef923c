/**
 * Keeps apart deployments that share one Redis: names of keys begin with the name of the database, which may be the same on two
 * servers. Each process says, as long as it lives, whose the keys are. If two deployments mixed, the one would end calls of the
 * other, and give out its permits.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { ServiceLoop } from '../../kernel/service-loop.js';
import { luaOf } from './lua.js';
import type { RedisLink } from './redis-link.js';

const BEAT_MS = 1_000;
/** After so long without a word the keys are free: for a database that was made anew, say. */
const CLAIM_MS = 5_000;
const RETRY_MS = 250;

const CLAIM = luaOf('claim');

interface ClaimClient extends Redis {
  claimKeys(key: string, id: string, forMs: number): Promise<number>;
}

export interface DeploymentClaimOptions {
  link: RedisLink;
  deploymentId: string;
  /** Told, again and again, while another deployment has the keys, as it may after Redis was emptied. */
  onConflict: () => void;
  /** Told of what went wrong; it is tried again. */
  onError: (error: unknown) => void;
}

export class DeploymentClaim {
  private readonly beats: ServiceLoop;

  constructor(private readonly options: DeploymentClaimOptions) {
    const { link, onConflict } = options;
    link.client.defineCommand('claimKeys', { numberOfKeys: 1, lua: CLAIM });
    this.beats = new ServiceLoop({
      name: 'deployment-claim',
      intervalMs: BEAT_MS,
      step: async () => {
        if (!(await this.mayBeOurs())) onConflict();
      },
      onError: options.onError,
    });
  }

  /** False when another deployment has the keys, and goes on to have them: it may have ended a moment ago. */
  async take(): Promise<boolean> {
    const deadline = performance.now() + CLAIM_MS + RETRY_MS;
    while (!(await this.mayBeOurs())) {
      if (performance.now() > deadline) return false;
      await sleep(RETRY_MS);
    }
    this.beats.start();
    return true;
  }

  /** Others of the deployment may go on, so the claim stays until it is over. */
  async stop(): Promise<void> {
    await this.beats.stop();
  }

  private async mayBeOurs(): Promise<boolean> {
    const { link, deploymentId, onError } = this.options;
    if (!link.isReady) return true;
    try {
      return (await (link.client as ClaimClient).claimKeys(`${link.prefix}:deployment`, deploymentId, CLAIM_MS)) === 1;
    } catch (error) {
      if (link.isReady) onError(error); // the link tells of an outage
      return true;
    }
  }
}
