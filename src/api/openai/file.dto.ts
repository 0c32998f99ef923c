import { ApiProperty } from '@nestjs/swagger';
import { UPLOAD_PURPOSES } from '../../modules/files/purpose.js';

const FILE_ID = 'file-0198f3a2c4d57b1e8a3f5c6d7e8f9a0b';

/** A file as clients see it; OpenAI's names and units, instants in seconds. */
export class FileDto {
  @ApiProperty({ enum: ['file'] })
  object: 'file';

  @ApiProperty({ example: FILE_ID })
  id: string;

  @ApiProperty({ example: 'batch', description: 'What it was uploaded for; `batch_output` for results.' })
  purpose: string;

  @ApiProperty({ example: 'requests.jsonl' })
  filename: string;

  @ApiProperty({ type: 'integer', example: 10_485_760 })
  bytes: number;

  @ApiProperty({ type: 'integer', example: 1_790_000_000 })
  created_at: number;

  @ApiProperty({
    type: 'integer',
    nullable: true,
    example: 1_792_592_000,
    description: 'When it is deleted by itself.',
  })
  expires_at: number | null;

  @ApiProperty({ enum: ['processed'] })
  status: 'processed';

  @ApiProperty({ type: 'string', nullable: true, example: null })
  status_details: null;
}

export class FileListDto {
  @ApiProperty({ enum: ['list'] })
  object: 'list';

  @ApiProperty({ type: [FileDto] })
  data: FileDto[];

  @ApiProperty({ type: 'string', nullable: true, example: FILE_ID })
  first_id: string | null;

  @ApiProperty({ type: 'string', nullable: true, example: FILE_ID })
  last_id: string | null;

  @ApiProperty({ example: false })
  has_more: boolean;
}

export class DeletedFileDto {
  @ApiProperty({ example: FILE_ID })
  id: string;

  @ApiProperty({ enum: ['file'] })
  object: 'file';

  @ApiProperty({ enum: [true] })
  deleted: true;
}

/** The form of an upload, for the documentation; `upload-form.ts` reads it. */
export class UploadFormDto {
  @ApiProperty({ type: 'string', format: 'binary', description: 'The bytes, with a file name.' })
  file: unknown;

  @ApiProperty({ enum: UPLOAD_PURPOSES, example: 'batch' })
  purpose: string;

  @ApiProperty({ name: 'expires_after[anchor]', required: false, enum: ['created_at'] })
  anchor?: string;

  @ApiProperty({ name: 'expires_after[seconds]', required: false, type: 'integer', minimum: 3_600, maximum: 2_592_000 })
  seconds?: number;
}
