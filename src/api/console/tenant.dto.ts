import { ApiProperty } from '@nestjs/swagger';
import { IntegerField, RefuseUnknownFields } from '../common/field.decorators.js';

const TENANT_ID = 'ten_0198f3a2c4d57b1e8a3f5c6d7e8f9a0b';
const ANY = { min: 0, max: Number.MAX_SAFE_INTEGER, isOptional: true };

/** Null: no quota. What is left out stays as it is. */
@RefuseUnknownFields()
export class UpdateTenantDto {
  @IntegerField({ ...ANY, about: 'Files at a time, at most, results of batches included.', example: 1_000 })
  max_files?: number | null;

  @IntegerField({ ...ANY, about: 'Bytes of all its files, at most.', example: 10_737_418_240 })
  max_bytes?: number | null;

  @IntegerField({ ...ANY, about: 'Lines of running batches that have not ended, at most.', example: 100_000 })
  max_queued_lines?: number | null;
}

class TenantUsageDto {
  @ApiProperty({ type: 'integer', example: 12 })
  files: number;

  @ApiProperty({ type: 'integer', example: 52_428_800 })
  bytes: number;

  @ApiProperty({ type: 'integer', example: 49_936 })
  queued_lines: number;
}

export class TenantDto {
  @ApiProperty({ enum: ['tenant'] })
  object: 'tenant';

  @ApiProperty({ example: TENANT_ID })
  id: string;

  @ApiProperty({ example: 'acme' })
  name: string;

  @ApiProperty({ type: 'integer', nullable: true, example: 1_000 })
  max_files: number | null;

  @ApiProperty({ type: 'integer', nullable: true, example: null })
  max_bytes: number | null;

  @ApiProperty({ type: 'integer', nullable: true, example: 100_000 })
  max_queued_lines: number | null;

  @ApiProperty({ description: 'What it has of what can be limited.' })
  usage: TenantUsageDto;

  @ApiProperty({ type: 'integer', example: 1_795_370_000 })
  created_at: number;
}

export class TenantListDto {
  @ApiProperty({ enum: ['list'] })
  object: 'list';

  @ApiProperty({ type: [TenantDto] })
  data: TenantDto[];

  @ApiProperty({ type: 'string', nullable: true, example: TENANT_ID })
  first_id: string | null;

  @ApiProperty({ type: 'string', nullable: true, example: TENANT_ID })
  last_id: string | null;

  @ApiProperty({ example: false })
  has_more: boolean;
}
