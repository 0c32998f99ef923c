import { ApiProperty } from '@nestjs/swagger';

export class DeletedDto {
  @ApiProperty({ example: 'queue_0198f3a2c4d57b1e8a3f5c6d7e8f9a0b' })
  id: string;

  @ApiProperty({ example: 'queue' })
  object: string;

  @ApiProperty({ enum: [true] })
  deleted: true;
}
