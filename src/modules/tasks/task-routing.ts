/** Where a task that comes in belongs: its lane, and its type where functions of this server work the queue off. */
import { Injectable } from '@nestjs/common';
import { isEndpoint } from '../../kernel/endpoint.js';
import { MillraceError } from '../../kernel/errors.js';
import { HandledTypes } from '../instances/handled-types.js';
import type { Queue } from '../queues/queue.js';
import { QueuesService, type Lane } from '../queues/queues.service.js';
import type { PutRequest } from './task-requests.js';

type Routed = Pick<PutRequest, 'tenantSeq' | 'queueName' | 'level' | 'endpoint' | 'model' | 'type'>;

@Injectable()
export class TaskRouting {
  constructor(
    private readonly queues: QueuesService,
    private readonly handled: HandledTypes,
  ) {}

  /**
   * Refuses with `queue_not_found`, `no_route`, `no_handler`, `missing_required_parameter` when there is neither an endpoint nor
   * a type, and `invalid_value` for an endpoint that no upstream has.
   */
  async route(request: Routed): Promise<{ lane: Lane; type: string | null }> {
    const queue = this.queueOf(request);
    const type = await this.typeIn(queue, request.type);
    if (request.endpoint === null && type === null) throw noEndpoint();
    if (isForUpstream(queue, type)) checkEndpoint(request.endpoint ?? queue.endpoint, queue);
    return { lane: await this.queues.lane(queue, request.level), type };
  }

  queueNamed(tenantSeq: number, name: string): Queue {
    const queue = this.queues.named(tenantSeq, name);
    if (!queue) throw new MillraceError('queue_not_found', `No queue is named '${name}'.`, { param: 'queue' });
    return queue;
  }

  /** The queue of that name, and those that had it before, as long as tasks of them are kept. Refuses with `queue_not_found`. */
  async seqsNamed(tenantSeq: number, name: string): Promise<ReadonlySet<number>> {
    const deleted = await this.queues.deletedNamed(tenantSeq, name);
    const queue = deleted.length === 0 ? this.queueNamed(tenantSeq, name) : this.queues.named(tenantSeq, name);
    return new Set(queue === null ? deleted : [queue.seq, ...deleted]);
  }

  private queueOf({ tenantSeq, queueName, endpoint, model }: Routed): Queue {
    if (queueName !== null) return this.queueNamed(tenantSeq, queueName);
    if (endpoint === null) throw noEndpoint();
    const queue = this.queues.route({ tenantSeq, endpoint, model });
    if (queue) return queue;
    const sought = model === null ? 'without a model' : `for the model '${model}'`;
    throw new MillraceError('no_route', `No queue takes requests to '${endpoint}' ${sought}. Name a queue.`, {
      param: 'queue',
    });
  }

  /**
   * In a queue of handlers a task has a type; unless it names one it is that of the queue's name. Where there is an upstream
   * too, a task without a type is for that one; where workers pull too, they may take what no handler knows.
   */
  private async typeIn({ name, consumers }: Queue, given: string | null): Promise<string | null> {
    if (!consumers.has('handler')) return given;
    if (given === null && consumers.has('upstream')) return null;
    const type = given ?? name;
    const handled = await this.handled.all();
    if (handled.has(type)) return type;
    if (consumers.has('pull')) return given;
    const known = [...handled].map((each) => `'${each}'`).join(', ') || 'none at all';
    const text = `No function of this server handles tasks of the type '${type}'. There are handlers for ${known}.`;
    throw new MillraceError('no_handler', text, { param: 'type' });
  }
}

/** The words that clients of bella-queue know. */
function noEndpoint(): MillraceError {
  return new MillraceError('missing_required_parameter', 'endpoint cannot be null', { param: 'endpoint' });
}

/** Tasks with a type are for the functions of a queue that has both. */
function isForUpstream({ consumers }: Queue, type: string | null): boolean {
  return consumers.has('upstream') && !(consumers.has('handler') && type !== null);
}

function checkEndpoint(endpoint: string | null, { name }: Queue): void {
  if (endpoint !== null && isEndpoint(endpoint)) return;
  const given = endpoint === null ? 'there is none' : `it is '${endpoint}'`;
  const text = `Invalid 'endpoint': ${given}. The upstream of the queue '${name}' needs a path such as '/v1/chat/completions'.`;
  throw new MillraceError('invalid_value', text, { param: 'endpoint' });
}
