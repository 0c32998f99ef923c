import { ChoiceField, IntegerField, NestedField, TextField, TextMapField } from '../common/field.decorators.js';

/** What a batch may be for; each line's `url` must be the same. */
export const BATCH_ENDPOINTS = [
  '/v1/responses',
  '/v1/chat/completions',
  '/v1/embeddings',
  '/v1/completions',
  '/v1/moderations',
  '/v1/images/generations',
  '/v1/images/edits',
  '/v1/videos',
] as const;

export class OutputExpiresAfterDto {
  @ChoiceField(['created_at'], { about: 'From when it counts: the making of the result file.', example: 'created_at' })
  anchor: string;

  @IntegerField({ min: 3600, max: 2_592_000, about: 'Seconds after which the result files go.', example: 86_400 })
  seconds: number;
}

export class CreateBatchDto {
  @TextField({
    about: 'The uploaded file, purpose `batch`, with a request a line.',
    example: 'file-01a2047eb4ae720a934c4b5e27779f71',
    minLength: 1,
    maxLength: 100,
  })
  input_file_id: string;

  @ChoiceField(BATCH_ENDPOINTS, { about: 'The endpoint of all requests.', example: '/v1/chat/completions' })
  endpoint: string;

  @TextField({
    about: 'How long the batch may take: `24h`, or any `<n>m`, `<n>h` or `<n>d` from one minute to thirty days.',
    example: '24h',
    maxLength: 100,
  })
  completion_window: string;

  @TextMapField({
    maxPairs: 16,
    maxKeyLength: 64,
    maxValueLength: 512,
    about: 'Notes of your own; come back with the batch.',
    example: { night: '2026-11-22' },
    isOptional: true,
  })
  metadata?: Record<string, string> | null;

  @NestedField(OutputExpiresAfterDto, { about: 'When the result files go; 30 days by default.', isOptional: true })
  output_expires_after?: OutputExpiresAfterDto | null;
}
