import { ApiProperty } from '@nestjs/swagger';

const AUDIT_ID = 'audit_0198f3a2c4d57b1e8a3f5c6d7e8f9a0b';

export class AuditEntryDto {
  @ApiProperty({ enum: ['audit_entry'] })
  object: 'audit_entry';

  @ApiProperty({ example: AUDIT_ID })
  id: string;

  @ApiProperty({ example: 'admin', description: 'The id of a key, or `admin`.' })
  actor: string;

  @ApiProperty({ example: 'queue.update' })
  action: string;

  @ApiProperty({ example: 'queue_0198f3a2c4d57b1e8a3f5c6d7e8f9a0b', description: 'The id of what was acted upon.' })
  subject: string;

  @ApiProperty({ type: 'string', nullable: true, example: 'acme', description: 'Whose it is; null if nobody’s.' })
  tenant: string | null;

  @ApiProperty({ type: 'object', additionalProperties: true, example: { name: 'chat', upstream: 'example-ai' } })
  detail: unknown;

  @ApiProperty({ type: 'integer', example: 1_795_370_000 })
  created_at: number;
}

export class AuditListDto {
  @ApiProperty({ enum: ['list'] })
  object: 'list';

  @ApiProperty({ type: [AuditEntryDto] })
  data: AuditEntryDto[];

  @ApiProperty({ type: 'string', nullable: true, example: AUDIT_ID })
  first_id: string | null;

  @ApiProperty({ type: 'string', nullable: true, example: AUDIT_ID })
  last_id: string | null;

  @ApiProperty({ example: false })
  has_more: boolean;
}
