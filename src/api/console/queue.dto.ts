import { ApiProperty } from '@nestjs/swagger';
import { isEndpoint } from '../../kernel/endpoint.js';
import { COMPLETION_RULES, type CompletionRule } from '../../kernel/pull.js';
import { CONSUMERS, type Consumer } from '../../modules/queues/queue.js';
import {
  BooleanField,
  ChoiceField,
  FormField,
  IntegerField,
  NestedField,
  RefuseUnknownFields,
  TextField,
  TextListField,
  type FieldDocumentation,
} from '../common/field.decorators.js';
import { NameField } from './name-field.decorator.js';

const QUEUE_ID = 'queue_0198f3a2c4d57b1e8a3f5c6d7e8f9a0b';
const ENDPOINT = '/v1/chat/completions';
const DAY_MS = 86_400_000;

export const VISIBILITIES = ['private', 'shared'] as const;
export type Visibility = (typeof VISIBILITIES)[number];

const FIELDS = {
  endpoint: { about: 'The one endpoint it takes; null for any.', example: ENDPOINT, isOptional: true },
  models: {
    about: 'The models it serves, which bring it their tasks; none for any.',
    example: ['demo-small'],
    maxItems: 1_000,
    maxLength: 200,
    isOptional: true,
  },
  consumers: {
    about: 'Who works it off: workers that pull, its upstream, or functions of this server.',
    example: ['upstream'],
    words: CONSUMERS,
    maxItems: CONSUMERS.length,
    maxLength: 20,
    isOptional: true,
  },
  upstream: {
    about: 'Name or id of the upstream that works it off; null for none.',
    example: 'example-ai',
    minLength: 1,
    maxLength: 100,
    isOptional: true,
  },
  visibility: { about: '`shared`: all tenants may submit to it.', example: 'private', isOptional: true },
  maxConcurrency: {
    min: 1,
    max: 1_000_000,
    example: 64,
    isOptional: true,
    about: 'Tasks that run at the same time, at most, whoever runs them; null for no limit.',
  },
  perMinute: {
    min: 1,
    max: 10_000_000,
    example: 3_000,
    isOptional: true,
    about: 'Tasks begun in a minute, at most; null for no limit.',
  },
  maxDepth: {
    min: 1,
    max: 1_000_000_000,
    example: 100_000,
    isOptional: true,
    about: 'Tasks that wait, at most: a single task beyond it is refused with 429. Null for no limit.',
  },
  resultTtl: {
    min: 1,
    max: 365 * 86_400,
    example: 604_800,
    isOptional: true,
    about: 'Seconds that an ended task is kept with its result; null: as the server does.',
  },
  completionRule: {
    about:
      'Which answer counts when several workers send one: the `first`, or the `last`, which replaces the one before.',
    example: 'first',
    isOptional: true,
  },
  eventbus: {
    about:
      'Whether workers may report on its tasks over Redis, too, as `GET /v1/queue/eventbus` tells them. Reports over ' +
      'Redis carry no lease token.',
    example: false,
    isOptional: true,
  },
  retry: { about: 'When a task is tried again; null: as the server does.', isOptional: true },
};

function EndpointField(documentation: FieldDocumentation): PropertyDecorator {
  return FormField({
    ...documentation,
    isFit: isEndpoint,
    expected: `a path such as '${ENDPOINT}'`,
  });
}

@RefuseUnknownFields()
export class RetryPolicyDto {
  @IntegerField({ min: 1, max: 100, about: 'Tries before a task fails.', example: 3, isOptional: true })
  max_tries?: number | null;

  @IntegerField({
    min: 1,
    max: DAY_MS,
    about: 'Wait after the first failure; then twice as long each.',
    example: 1_000,
    isOptional: true,
  })
  first_backoff_ms?: number | null;

  @IntegerField({
    min: 1,
    max: DAY_MS,
    about: 'The longest wait between two tries.',
    example: 60_000,
    isOptional: true,
  })
  max_backoff_ms?: number | null;
}

/** What is left out stays as it is. */
@RefuseUnknownFields()
export class UpdateQueueDto {
  @EndpointField(FIELDS.endpoint)
  endpoint?: string | null;

  @TextListField(FIELDS.models)
  models?: string[] | null;

  @TextListField(FIELDS.consumers)
  consumers?: Consumer[] | null;

  @TextField(FIELDS.upstream)
  upstream?: string | null;

  @ChoiceField(VISIBILITIES, FIELDS.visibility)
  visibility?: Visibility | null;

  @NestedField(RetryPolicyDto, FIELDS.retry)
  retry_policy?: RetryPolicyDto | null;

  @IntegerField(FIELDS.maxConcurrency)
  max_concurrency?: number | null;

  @IntegerField(FIELDS.perMinute)
  per_minute?: number | null;

  @IntegerField(FIELDS.maxDepth)
  max_depth?: number | null;

  @IntegerField(FIELDS.resultTtl)
  result_ttl_seconds?: number | null;

  @ChoiceField(COMPLETION_RULES, FIELDS.completionRule)
  completion_rule?: CompletionRule | null;

  @BooleanField(FIELDS.eventbus)
  eventbus?: boolean | null;
}

@RefuseUnknownFields()
export class CreateQueueDto extends UpdateQueueDto {
  @NameField({ about: 'By which tasks are sent to it.', example: 'chat' })
  name: string;

  @NameField({ about: 'Whose it is; `default` if left out.', example: 'default', isOptional: true })
  tenant?: string | null;
}

/** Each can be sent as it is; the second one after the example of `POST /v1/console/upstreams`. */
export const CREATE_QUEUE_EXAMPLES = {
  pull: {
    summary: 'Worked off by workers that pull',
    value: {
      name: 'embeddings',
      endpoint: '/v1/embeddings',
      consumers: ['pull'],
      retry_policy: { max_tries: 3, first_backoff_ms: 1_000, max_backoff_ms: 60_000 },
      max_concurrency: 64,
      max_depth: 100_000,
    },
  },
  upstream: {
    summary: 'Worked off by an upstream',
    value: {
      name: 'large',
      tenant: 'default',
      models: ['llama3.3-70b'],
      consumers: ['upstream'],
      upstream: 'example-ai',
      visibility: 'shared',
      per_minute: 3_000,
    },
  },
};

class RetryPolicyView {
  @ApiProperty({ type: 'integer', nullable: true, example: 3 })
  max_tries: number | null;

  @ApiProperty({ type: 'integer', nullable: true, example: 1_000 })
  first_backoff_ms: number | null;

  @ApiProperty({ type: 'integer', nullable: true, example: null })
  max_backoff_ms: number | null;
}

export class QueueDto {
  @ApiProperty({ enum: ['queue'] })
  object: 'queue';

  @ApiProperty({ example: QUEUE_ID })
  id: string;

  @ApiProperty({ example: 'chat' })
  name: string;

  @ApiProperty({ example: 'acme' })
  tenant: string;

  @ApiProperty({ enum: VISIBILITIES })
  visibility: string;

  @ApiProperty({ type: 'string', nullable: true, example: ENDPOINT })
  endpoint: string | null;

  @ApiProperty({ type: [String], example: ['demo-small'] })
  models: string[];

  @ApiProperty({ enum: CONSUMERS, isArray: true, example: ['upstream'] })
  consumers: string[];

  @ApiProperty({ type: 'string', nullable: true, example: 'example-ai' })
  upstream: string | null;

  @ApiProperty({ type: RetryPolicyView, nullable: true })
  retry_policy: RetryPolicyView | null;

  @ApiProperty({ type: 'integer', nullable: true, example: 64 })
  max_concurrency: number | null;

  @ApiProperty({ type: 'integer', nullable: true, example: null })
  per_minute: number | null;

  @ApiProperty({ type: 'integer', nullable: true, example: 100_000 })
  max_depth: number | null;

  @ApiProperty({ type: 'integer', nullable: true, example: null })
  result_ttl_seconds: number | null;

  @ApiProperty({ enum: COMPLETION_RULES })
  completion_rule: string;

  @ApiProperty({ description: 'Whether workers may report on its tasks over Redis, too.', example: false })
  eventbus: boolean;

  @ApiProperty({ type: 'integer', nullable: true, example: null, description: 'Since when it hands out nothing.' })
  paused_at: number | null;

  @ApiProperty({ type: 'integer', example: 1_795_370_000 })
  created_at: number;

  @ApiProperty({ type: 'integer', example: 1_795_370_000 })
  updated_at: number;
}

export class QueueListDto {
  @ApiProperty({ enum: ['list'] })
  object: 'list';

  @ApiProperty({ type: [QueueDto] })
  data: QueueDto[];

  @ApiProperty({ type: 'string', nullable: true, example: QUEUE_ID })
  first_id: string | null;

  @ApiProperty({ type: 'string', nullable: true, example: QUEUE_ID })
  last_id: string | null;

  @ApiProperty({ example: false })
  has_more: boolean;
}
