import { ApiProperty } from '@nestjs/swagger';
import { IntegerField, RefuseUnknownFields } from '../common/field.decorators.js';

/** A week: long enough to bring a new secret to every receiver. */
const MAX_OVERLAP_SECONDS = 7 * 86_400;
export const DEFAULT_OVERLAP_SECONDS = 86_400;

@RefuseUnknownFields()
export class RotateWebhookSecretDto {
  @IntegerField({
    min: 0,
    max: MAX_OVERLAP_SECONDS,
    about: 'How long callbacks are signed with the secret before as well; a day if left out. 0 ends it at once.',
    example: 86_400,
    isOptional: true,
  })
  overlap_seconds?: number | null;
}

export class WebhookSecretDto {
  @ApiProperty({ enum: ['webhook_secret'] })
  object: 'webhook_secret';

  @ApiProperty({ example: 'acme' })
  tenant: string;

  @ApiProperty({ description: 'The end of the secret, to know it by.', example: '9xY=' })
  last4: string;

  @ApiProperty({ type: 'integer', example: 1_795_370_000 })
  rotated_at: number;

  @ApiProperty({
    type: 'integer',
    nullable: true,
    description: 'Until when callbacks are signed with the secret before as well.',
    example: 1_795_456_400,
  })
  previous_until: number | null;
}

export class CreatedWebhookSecretDto extends WebhookSecretDto {
  @ApiProperty({
    description: 'The secret itself, shown this once. Receivers verify `webhook-signature` with it.',
    example: 'whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oDyL1Zq0T9xY4=',
  })
  secret: string;
}
