import { ApiProperty } from '@nestjs/swagger';
import { BASE_URL_WORDS, isBaseUrl } from '../../kernel/base-url.js';
import { FormField, IntegerField, RefuseUnknownFields, type FieldDocumentation } from '../common/field.decorators.js';
import { NameField } from './name-field.decorator.js';

const UPSTREAM_ID = 'up_0198f3a2c4d57b1e8a3f5c6d7e8f9a0b';
const API_KEY = 'sk-example-3fT9h7Qx';
const BASE_URL = 'https://api.example.com/v1';
const MAX_URL_LENGTH = 2_000;
const MAX_KEY_LENGTH = 4_000;

export const DEFAULT_CONCURRENCY = 64;

const CONCURRENCY = { min: 1, max: 10_000, about: 'Requests at the same time, at most.', example: 64 };
const PER_MINUTE = { min: 1, max: 10_000_000, about: 'Requests started in a minute, at most.', example: 3_000 };

function BaseUrlField(documentation: FieldDocumentation): PropertyDecorator {
  const isFit = (text: string) => text.length <= MAX_URL_LENGTH && isBaseUrl(text);
  return FormField({ ...documentation, isFit, expected: BASE_URL_WORDS });
}

/** It travels in an HTTP header, hence the characters. */
function KeyField(documentation: FieldDocumentation): PropertyDecorator {
  return FormField({
    ...documentation,
    isFit: (text) => text.length <= MAX_KEY_LENGTH && /^[\x21-\x7e]+$/.test(text),
    expected: `1 to ${MAX_KEY_LENGTH} printable ASCII characters without spaces`,
  });
}

@RefuseUnknownFields()
export class CreateUpstreamDto {
  @NameField({ about: 'By which queues refer to it.', example: 'example-ai' })
  name: string;

  @BaseUrlField({ about: 'OpenAI-compatible base URL, normally ending in `/v1`.', example: BASE_URL })
  base_url: string;

  @KeyField({
    about: 'Sent as `Authorization: Bearer …`; kept sealed and never shown.',
    example: API_KEY,
    isOptional: true,
  })
  api_key?: string | null;

  @IntegerField({ ...CONCURRENCY, isOptional: true })
  concurrency?: number | null;

  @IntegerField({ ...PER_MINUTE, isOptional: true })
  per_minute?: number | null;
}

/** What is left out stays as it is. */
@RefuseUnknownFields()
export class UpdateUpstreamDto {
  @BaseUrlField({ about: 'Where it is from now on.', example: BASE_URL, isOptional: true })
  base_url?: string | null;

  @KeyField({ about: 'Another key; null for none.', example: API_KEY, isOptional: true })
  api_key?: string | null;

  @IntegerField({ ...CONCURRENCY, isOptional: true })
  concurrency?: number | null;

  @IntegerField({ ...PER_MINUTE, about: `${PER_MINUTE.about} Null: no limit.`, isOptional: true })
  per_minute?: number | null;
}

export class UpstreamDto {
  @ApiProperty({ enum: ['upstream'] })
  object: 'upstream';

  @ApiProperty({ example: UPSTREAM_ID })
  id: string;

  @ApiProperty({ example: 'example-ai' })
  name: string;

  @ApiProperty({ example: BASE_URL })
  base_url: string;

  @ApiProperty({ type: 'string', nullable: true, example: 'h7Qx', description: 'The end of its key; null for no key.' })
  key_last4: string | null;

  @ApiProperty({ type: 'integer', example: 64 })
  concurrency: number;

  @ApiProperty({ type: 'integer', nullable: true, example: null })
  per_minute: number | null;

  @ApiProperty({ enum: ['console', 'env'], description: '`env`: set up by MILLRACE_UPSTREAM_*.' })
  source: string;

  @ApiProperty({ type: 'integer', example: 1_795_370_000 })
  created_at: number;

  @ApiProperty({ type: 'integer', example: 1_795_370_000 })
  updated_at: number;
}

export class UpstreamListDto {
  @ApiProperty({ enum: ['list'] })
  object: 'list';

  @ApiProperty({ type: [UpstreamDto] })
  data: UpstreamDto[];

  @ApiProperty({ type: 'string', nullable: true, example: UPSTREAM_ID })
  first_id: string | null;

  @ApiProperty({ type: 'string', nullable: true, example: UPSTREAM_ID })
  last_id: string | null;

  @ApiProperty({ example: false })
  has_more: boolean;
}

export class UpstreamTestDto {
  @ApiProperty({ description: 'Whether it answered like an OpenAI-compatible server.', example: false })
  ok: boolean;

  @ApiProperty({ type: 'integer', nullable: true, description: 'HTTP status; null for no answer.', example: 401 })
  status: number | null;

  @ApiProperty({ type: 'integer', example: 87 })
  latency_ms: number;

  @ApiProperty({ type: [String], nullable: true, description: 'The models it has; null if it did not say.' })
  models: string[] | null;

  @ApiProperty({ type: 'string', nullable: true, example: 'The upstream refused the key (status 401).' })
  error: string | null;
}
