import { Column, Entity, PrimaryColumn } from 'typeorm';

/** What a whole deployment must agree on, by name. */
@Entity('setting')
export class SettingRow {
  @PrimaryColumn({ type: 'text' })
  name: string;

  @Column({ type: 'text' })
  value: string;
}
