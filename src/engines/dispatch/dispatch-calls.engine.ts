/**
 * The life of dispatch: takes the calls of this process, passes each to those who may work its lane off, and brings all of
 * it to an end when the server stops.
 */
import { Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { QueuesService } from '../../modules/queues/queues.service.js';
import { DispatchPorts } from './dispatch-ports.js';
import { DispatcherEngine } from './dispatcher.engine.js';
import { HandlerDispatcher } from './handlers/handler-dispatcher.js';
import { HandlerRunner } from './handlers/handler-runner.js';
import { Recorder } from './recorder.js';
import { TaskRunner } from './task-runner.js';

@Injectable()
export class DispatchCallsEngine implements OnApplicationBootstrap, BeforeApplicationShutdown {
  constructor(
    private readonly ports: DispatchPorts,
    private readonly queues: QueuesService,
    private readonly upstreams: DispatcherEngine,
    private readonly calls: TaskRunner,
    private readonly handlers: HandlerDispatcher,
    private readonly functions: HandlerRunner,
    private readonly recorder: Recorder,
  ) {}

  onApplicationBootstrap(): void {
    const { broker, events, instance } = this.ports;
    this.upstreams.start();
    events.on('batch.abort').subscribe(({ batchSeq }) => this.calls.abortBatch(batchSeq));
    events.on('task.abort').subscribe(({ taskSeq }) => {
      this.upstreams.dropTask(taskSeq);
      this.calls.abortTask(taskSeq);
      this.functions.abortTask(taskSeq);
    });
    instance.lost.subscribe(() => this.dropAll());
    broker.consume(async ({ laneId }) => {
      await Promise.all([this.upstreams.called(laneId), this.handlers.workLane(laneId)]);
    });
    this.queues.call(this.queues.allLanes().map((lane) => lane.seq));
  }

  /** Ends all that runs under leases that others have taken back. */
  private dropAll(): void {
    this.upstreams.dropAll();
    this.calls.abortAll('its lease was lost');
    this.functions.abortAll();
  }

  /** Takes no more calls, gives back what has not started, and lets what runs end within the grace time. */
  async beforeApplicationShutdown(): Promise<void> {
    this.upstreams.stop();
    this.handlers.stop();
    await this.ports.broker.stop();
    this.upstreams.dropAll();
    const timer = setTimeout(() => {
      this.recorder.stop();
      this.calls.abortAll('the server is shutting down');
      this.functions.abortAll();
    }, this.ports.config.times.shutdownGraceMs);
    await Promise.all([this.calls.drained(), this.functions.drained()]);
    clearTimeout(timer);
  }
}
