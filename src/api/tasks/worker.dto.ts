import { ApiProperty } from '@nestjs/swagger';

export class HeldTasksDto {
  @ApiProperty({ example: 'chat' })
  queue: string;

  @ApiProperty({ type: 'integer', example: 0 })
  level: number;

  @ApiProperty({ type: 'integer', example: 8, description: 'How many tasks it holds there.' })
  count: number;

  @ApiProperty({ type: 'integer', example: 1_795_370_000_000, description: 'Since when it holds the first; epoch ms.' })
  oldest_leased_at: number;

  @ApiProperty({
    type: 'integer',
    example: 1_795_370_030_000,
    description: 'When its first lease ends; 0: when the task expires.',
  })
  next_lease_end: number;
}

export class WorkerViewDto {
  @ApiProperty({ example: 'gpu-1', description: 'What it calls itself, or the id of its key (`admin`).' })
  id: string;

  @ApiProperty({ type: 'integer', nullable: true, example: 8 })
  capacity: number | null;

  @ApiProperty({ type: 'integer', example: 1_795_370_000_000, description: 'Epoch ms, to within 5 seconds.' })
  last_seen_at: number;

  @ApiProperty({
    type: [String],
    example: ['chat:0', 'chat:1'],
    description: 'What it asked for last, also where it got nothing.',
  })
  queues: string[];

  @ApiProperty({ type: [HeldTasksDto] })
  held: HeldTasksDto[];
}

export class WorkerListDto {
  @ApiProperty({ type: [WorkerViewDto] })
  data: WorkerViewDto[];
}
