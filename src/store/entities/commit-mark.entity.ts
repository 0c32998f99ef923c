import { Column, Entity, PrimaryColumn } from 'typeorm';

/** The last group of writes that each writer committed: settles a commit whose answer was lost. */
@Entity('commit_mark')
export class CommitMarkRow {
  @PrimaryColumn({ type: 'text' })
  writer: string;

  @Column({ type: 'integer' })
  mark: number;
}
