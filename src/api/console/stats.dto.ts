import { ApiProperty } from '@nestjs/swagger';

class LaneTotalsDto {
  @ApiProperty({ type: 'integer', description: 'Tasks that came in.', example: 50_000 })
  put: number;

  @ApiProperty({ type: 'integer', description: 'How often tasks were taken.', example: 64 })
  taken: number;

  @ApiProperty({ type: 'integer', description: 'Tasks that completed.', example: 0 })
  completed: number;

  @ApiProperty({
    type: 'integer',
    description: 'How often tasks failed for good; also those that were sent back or dropped since.',
    example: 0,
  })
  failed: number;

  @ApiProperty({ type: 'integer', description: 'Tasks that expired.', example: 0 })
  expired: number;

  @ApiProperty({ type: 'integer', description: 'Tasks that were cancelled.', example: 0 })
  cancelled: number;
}

export class LaneStatsDto {
  @ApiProperty({ example: 'default' })
  queue: string;

  @ApiProperty({ example: 'queue_0198f3a2c4d57b1e8a3f5c6d7e8f9a0b' })
  queue_id: string;

  @ApiProperty({ type: 'integer', example: 1 })
  level: number;

  @ApiProperty({ type: 'integer', description: 'Tasks that wait to be taken, now.', example: 49_936 })
  ready: number;

  @ApiProperty({ type: 'integer', example: 0, description: 'Tasks that wait for a time, such as their next try, now.' })
  scheduled: number;

  @ApiProperty({ type: 'integer', description: 'Tasks that are being worked on, now.', example: 64 })
  leased: number;

  @ApiProperty({ type: 'number', nullable: true, example: 12.5, description: 'Of the task at the head.' })
  oldest_age_seconds: number | null;

  @ApiProperty({ type: 'number', example: 812.4, description: 'Over the last minute.' })
  completed_per_second: number;

  @ApiProperty({
    description: 'Ever since the lane was made; `ready`, `scheduled` and `leased` are what it holds now.',
  })
  totals: LaneTotalsDto;

  @ApiProperty({
    type: 'string',
    nullable: true,
    example: "all 64 permits of the upstream 'default' are in use",
    description: 'Why ready tasks are not taken; null if none are ready.',
  })
  waits_because: string | null;
}

export class StatsDto {
  @ApiProperty({ type: 'number', example: 812.4, description: 'Of all lanes, over the last minute.' })
  completed_per_second: number;

  @ApiProperty({ type: [LaneStatsDto] })
  lanes: LaneStatsDto[];
}
