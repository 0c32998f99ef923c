import { Injectable } from '@nestjs/common';
import { DeadLettersService } from '../../modules/tasks/dead-letters.service.js';
import { PullStore } from '../../store/pull.store.js';
import { Sweep } from './sweep.js';

/** Cancels what came back into the cleared part of a lane, and what a server that ended meanwhile has left of it. */
@Injectable()
export class LaneClearer extends Sweep {
  override readonly name = 'clear-lanes';
  override readonly intervalMs = 1000;

  constructor(
    private readonly pull: PullStore,
    private readonly deadLetters: DeadLettersService,
  ) {
    super();
  }

  override async run(): Promise<boolean> {
    for (const laneSeq of await this.pull.unclearedLanes()) await this.deadLetters.finishClearing(laneSeq);
    return false;
  }
}
