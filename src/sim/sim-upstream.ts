import { drawFault, forcedBehaviour, hasRates, PLAIN_BEHAVIOUR, type Behaviour } from './sim-behaviour.js';
import type { SimState } from './sim-admin.js';
import { chatEndpoint } from './sim-chat.js';
import { completionsEndpoint } from './sim-completions.js';
import { embeddingsEndpoint } from './sim-embeddings.js';
import {
  answerOf,
  CREATED_AT_SECONDS,
  isStreamed,
  parseObject,
  type AnswerContext,
  type Endpoint,
  type RequestBody,
} from './sim-endpoint.js';
import { SimError, tooManyCalls, unknownModel } from './sim-error.js';
import { JSON_TYPE, type Exchange } from './sim-exchange.js';
import { refuse, strike } from './sim-faults.js';
import { moderationsEndpoint } from './sim-moderations.js';
import { fingerprint, mix, Random } from './sim-random.js';
import { responsesEndpoint } from './sim-responses.js';
import { playScript } from './sim-stream.js';

const ENDPOINTS: Readonly<Record<string, Endpoint>> = {
  'POST /v1/chat/completions': chatEndpoint,
  'POST /v1/completions': completionsEndpoint,
  'POST /v1/responses': responsesEndpoint,
  'POST /v1/embeddings': embeddingsEndpoint,
  'POST /v1/moderations': moderationsEndpoint,
};

/** What a number is drawn for; the same call draws a different one for each. */
const DRAW = { answer: 1, latency: 2, fault: 3 };

/** A request that passed all checks. */
interface Call {
  endpoint: Endpoint;
  body: RequestBody;
  /** Its fingerprint. */
  key: number;
  behaviour: Behaviour;
}

/** The `/v1` side: checks a request as OpenAI would, decides how to treat it, and answers or misbehaves. */
export class SimUpstream {
  constructor(private readonly state: SimState) {}

  /** @param action method and path, such as `POST /v1/responses` */
  handle(exchange: Exchange, action: string, bytes: Buffer): void {
    try {
      this.checkKey(exchange);
      const endpoint = Object.hasOwn(ENDPOINTS, action) ? ENDPOINTS[action] : undefined;
      if (endpoint !== undefined) return this.call(exchange, endpoint, bytes);
      if (action !== 'GET /v1/models') throw new SimError(404, `Invalid URL (${action})`);
      exchange.send(200, JSON_TYPE, this.modelList());
    } catch (error) {
      if (!(error instanceof SimError)) throw error;
      refuse(exchange, error, this.state.options);
    }
  }

  private call(exchange: Exchange, endpoint: Endpoint, bytes: Buffer): void {
    const { options, ledger } = this.state;
    if (options.concurrencyLimit > 0 && ledger.inFlight > options.concurrencyLimit) {
      throw tooManyCalls(`Concurrency limit reached: ${options.concurrencyLimit} calls at the same time.`);
    }
    const body = parseObject(bytes);
    endpoint.check(body);
    this.checkModel(body);

    const key = fingerprint(endpoint.salt, bytes);
    const earlierCalls = ledger.see(key);
    const behaviour = this.behaviourOf(body, key, earlierCalls);
    const { fault, sleepMs } = behaviour;
    const hasLatency = fault === null && !isStreamed(endpoint, body);
    const waitMs = sleepMs + (hasLatency ? this.latencyOf(key, earlierCalls) : 0);
    const call: Call = { endpoint, body, key, behaviour };
    if (waitMs === 0) this.perform(exchange, call);
    else exchange.later(waitMs, () => this.perform(exchange, call));
  }

  private perform(exchange: Exchange, { endpoint, body, key, behaviour }: Call): void {
    const { options } = this.state;
    const { seed } = options;
    const { fault, kilobytes } = behaviour;
    const random = new Random(mix(seed, key, DRAW.answer));
    const context: AnswerContext = { id: key.toString(16).padStart(12, '0'), seed, random, kilobytes };
    if (fault !== null) {
      strike(exchange, fault, options, isStreamed(endpoint, body), () => answerOf(endpoint, body, context));
      return;
    }
    const answer = answerOf(endpoint, body, context);
    if (typeof answer === 'string') exchange.send(200, JSON_TYPE, answer);
    else playScript(exchange, answer, options);
  }

  /** Also counts the call under its `metadata.id`. */
  private behaviourOf(body: RequestBody, key: number, earlierCalls: number): Behaviour {
    const { options, ledger } = this.state;
    const metadata = body['metadata'] as { id?: unknown; sim?: unknown } | null | undefined;
    if (typeof metadata?.id === 'string') ledger.countCall(metadata.id);
    if (typeof metadata?.sim === 'string') return forcedBehaviour(metadata.sim, earlierCalls);
    if (!hasRates(options)) return PLAIN_BEHAVIOUR;
    const random = new Random(mix(options.seed, key, DRAW.fault, earlierCalls));
    return { ...PLAIN_BEHAVIOUR, fault: drawFault(options, random) };
  }

  private latencyOf(key: number, earlierCalls: number): number {
    const { seed, latencyMs, latencyP99Ms } = this.state.options;
    if (latencyMs === 0) return 0;
    return new Random(mix(seed, key, DRAW.latency, earlierCalls)).logNormal(latencyMs, latencyP99Ms);
  }

  private checkKey({ request }: Exchange): void {
    const { apiKey } = this.state.options;
    if (apiKey === null) return;
    const given = /^Bearer (.+)$/i.exec(request.headers.authorization ?? '')?.[1];
    if (given === undefined) throw new SimError(401, 'Missing bearer authentication in header');
    if (given !== apiKey) throw new SimError(401, 'Incorrect API key provided.', 'invalid_api_key');
  }

  private checkModel({ model }: RequestBody): void {
    const { models } = this.state.options;
    if (models.length === 0 || typeof model !== 'string') return;
    if (!models.includes(model)) throw unknownModel(model);
  }

  private modelList(): string {
    const { models } = this.state.options;
    const names = models.length === 0 ? ['sim'] : models;
    const data = names.map((id) => ({ id, object: 'model', created: CREATED_AT_SECONDS, owned_by: 'sim' }));
    return JSON.stringify({ object: 'list', data });
  }
}
