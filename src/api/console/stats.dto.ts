import { ApiProperty } from '@nestjs/swagger';

class LaneTotalsDto {
  @ApiProperty({ type: 'integer', example: 50_000 })
  put: number;

  @ApiProperty({ type: 'integer', example: 64 })
  taken: number;

  @ApiProperty({ type: 'integer', example: 0 })
  completed: number;

  @ApiProperty({ type: 'integer', example: 0 })
  failed: number;

  @ApiProperty({ type: 'integer', example: 0 })
  expired: number;

  @ApiProperty({ type: 'integer', example: 0 })
  cancelled: number;
}

export class LaneStatsDto {
  @ApiProperty({ example: 'default' })
  queue: string;

  @ApiProperty({ example: 'queue_0198f3a2c4d57b1e8a3f5c6d7e8f9a0b' })
  queue_id: string;

  @ApiProperty({ type: 'integer', example: 1 })
  level: number;

  @ApiProperty({ type: 'integer', example: 49_936 })
  ready: number;

  @ApiProperty({ type: 'integer', example: 0, description: 'Tasks that wait for a time, such as their next try.' })
  scheduled: number;

  @ApiProperty({ type: 'integer', example: 64 })
  leased: number;

  @ApiProperty({ type: 'number', nullable: true, example: 12.5, description: 'Of the task at the head.' })
  oldest_age_seconds: number | null;

  @ApiProperty({ type: 'number', example: 812.4, description: 'Over the last minute.' })
  completed_per_second: number;

  @ApiProperty({ description: 'Since the lane was made.' })
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
