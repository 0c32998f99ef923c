import { Column, Entity, PrimaryColumn } from 'typeorm';

@Entity('leader')
export class LeaderRow {
  @PrimaryColumn({ type: 'text' })
  name: string;

  @Column({ name: 'instance_seq', type: 'integer' })
  instanceSeq: number;

  @Column({ type: 'integer' })
  term: number;

  @Column({ name: 'until_at', type: 'integer' })
  untilAt: number;
}
