import { ApiProperty } from '@nestjs/swagger';
import { BATCH_STATES } from '../../kernel/batch-state.js';

export class BatchStatsDto {
  @ApiProperty({ example: 'batch_01a2047eb4ae720a934c4b5e27779f71' })
  id: string;

  @ApiProperty({ enum: BATCH_STATES, example: 'in_progress' })
  status: string;

  @ApiProperty({
    type: [String],
    example: ["all 64 permits of the upstream 'default' are in use"],
    description: 'Why lines that are ready are not taken; empty while they are, or when none is.',
  })
  waits_because: string[];
}
