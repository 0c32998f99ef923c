import { ApiProperty } from '@nestjs/swagger';
import { SCOPES, type Scope } from '../../modules/access/scopes.js';
import { IntegerField, RefuseUnknownFields, TextField, TextListField } from '../common/field.decorators.js';
import { NameField } from './name-field.decorator.js';

const KEY_ID = 'key_0198f3a2c4d57b1e8a3f5c6d7e8f9a0b';
/** The last second of the year 9999; milliseconds given by mistake are more than that. */
const LAST_SECOND = 253_402_300_799;

@RefuseUnknownFields()
export class CreateKeyDto {
  @TextField({ about: 'What it is for.', example: 'nightly batches', minLength: 1, maxLength: 100 })
  name: string;

  @TextListField({
    about: 'What it may do. `admin` is for operators: it sees everybody.',
    example: ['files', 'batches'],
    words: SCOPES,
    maxItems: SCOPES.length,
    maxLength: 20,
  })
  scopes: Scope[];

  @NameField({
    about: 'Whose it is, made if there is none of that name; `default` if left out.',
    example: 'acme',
    isOptional: true,
  })
  tenant?: string | null;

  @IntegerField({
    min: 0,
    max: LAST_SECOND,
    about: 'When it stops working, in seconds since 1970; left out: never.',
    example: 1_830_000_000,
    isOptional: true,
  })
  expires_at?: number | null;
}

@RefuseUnknownFields()
export class RotateKeyDto {
  @IntegerField({
    min: 0,
    max: 86_400,
    about: 'How long the old key goes on working; 0 if left out.',
    example: 3_600,
    isOptional: true,
  })
  overlap_seconds?: number | null;
}

export class KeyDto {
  @ApiProperty({ enum: ['key'] })
  object: 'key';

  @ApiProperty({ example: KEY_ID })
  id: string;

  @ApiProperty({ example: 'nightly batches' })
  name: string;

  @ApiProperty({ example: 'acme' })
  tenant: string;

  @ApiProperty({ enum: SCOPES, isArray: true, example: ['files', 'batches'] })
  scopes: string[];

  @ApiProperty({ example: 'cafe', description: 'Its last four characters.' })
  last4: string;

  @ApiProperty({ type: 'integer', example: 1_795_370_000 })
  created_at: number;

  @ApiProperty({ type: 'integer', nullable: true, example: 1_830_000_000 })
  expires_at: number | null;

  @ApiProperty({ type: 'integer', nullable: true, example: null })
  revoked_at: number | null;
}

export class CreatedKeyDto extends KeyDto {
  @ApiProperty({
    description: 'The key itself, shown this once: it is not kept.',
    example: `mr_0198f3a2c4d57b1e8a3f5c6d7e8f9a0b_${'0'.repeat(48)}0000cafe`,
  })
  token: string;
}

export class KeyListDto {
  @ApiProperty({ enum: ['list'] })
  object: 'list';

  @ApiProperty({ type: [KeyDto] })
  data: KeyDto[];

  @ApiProperty({ type: 'string', nullable: true, example: KEY_ID })
  first_id: string | null;

  @ApiProperty({ type: 'string', nullable: true, example: KEY_ID })
  last_id: string | null;

  @ApiProperty({ example: false })
  has_more: boolean;
}
