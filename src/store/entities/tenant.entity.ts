import { Column, Entity, Index, PrimaryGeneratedColumn } from 'typeorm';

@Entity('tenant')
@Index('ux_tenant_id', ['id'], { unique: true })
@Index('ux_tenant_name', ['name'], { unique: true })
export class TenantRow {
  @PrimaryGeneratedColumn('increment', { type: 'integer' })
  seq: number;

  @Column({ type: 'text' })
  id: string;

  @Column({ type: 'text' })
  name: string;

  @Column({ name: 'created_at', type: 'integer' })
  createdAt: number;
}
