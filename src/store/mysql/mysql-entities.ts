/**
 * The same entities as on SQLite, with the column types and indexes of MySQL. They are made from what the entity classes
 * declare, which stays as it is, so one process may use both.
 *
 * All integers are BIGINT: instants are epoch ms, and numbers of rows have no bound. Text that is in a key is compared byte by
 * byte, as SQLite does. MySQL has no partial indexes, so the condition becomes leading columns.
 */
import { EntitySchema, getMetadataArgsStorage, type EntitySchemaColumnOptions } from 'typeorm';
import { ALL_ENTITIES } from '../entities/all-entities.js';

/** Columns, by property, of the indexes that differ from SQLite's; null: one that another index makes needless. */
const INDEXES: Readonly<Record<string, readonly string[] | null>> = {
  ix_blob_unused: ['unusedAt'],
  ix_file_tenant: ['tenantSeq', 'deletedAt', 'seq'],
  ix_file_expiry: ['deletedAt', 'expiresAt'],
  ix_file_deleted: null,
  ix_batch_stopped: ['settledAt', 'outcome'],
  ix_batch_uncleared: ['clearedAt', 'endedAt'],
  ix_task_ready: ['laneSeq', 'state', 'seq'],
  ix_task_leased: null,
  ix_task_typed: ['laneSeq', 'state', 'type', 'seq'],
  ix_task_scheduled: ['state', 'availableAt'],
  ix_task_lease: ['state', 'leaseUntil'],
  ix_task_expiry: ['state', 'expiresAt'],
  ix_task_single: ['tenantSeq', 'batchSeq', 'seq'],
  ix_task_failed: ['queueSeq', 'batchSeq', 'state', 'seq'],
  ix_task_ended: ['queueSeq', 'batchSeq', 'state', 'endedAt'],
  ix_callback_due: ['state', 'availableAt'],
  ix_callback_target: ['state', 'tenantSeq', 'target', 'availableAt'],
  ix_callback_lease: ['state', 'ownerSeq'],
};

/** Characters of text in a key. An index holds 3,072 bytes, four for each character: of three such columns. */
const KEY_LENGTH = 255;
/** Longer ones: an origin is a scheme, a host of up to 253 characters and a port. */
const KEY_LENGTHS: Readonly<Record<string, number>> = { target: 300 };

/** The driver gives them as text, because some do not fit a number; none of ours comes near 2^53. */
const AS_NUMBER = {
  to: (value: unknown): unknown => value,
  from: (value: unknown): unknown => (typeof value === 'string' ? Number(value) : value),
};

type EntityClass = (typeof ALL_ENTITIES)[number];
type Declared = ReturnType<typeof getMetadataArgsStorage>;

export function mysqlEntities(): EntitySchema[] {
  const declared = getMetadataArgsStorage();
  return ALL_ENTITIES.map((target) => schemaOf(target, declared));
}

function schemaOf(target: EntityClass, declared: Declared): EntitySchema {
  const columns = declared.columns.filter((column) => column.target === target);
  const indices = declared.indices
    .filter((index) => index.target === target && INDEXES[index.name!] !== null)
    .map((index) => ({
      name: index.name!,
      unique: index.unique === true,
      columns: [...(INDEXES[index.name!] ?? (index.columns as string[]))],
    }));
  const keys = new Set(indices.flatMap((index) => index.columns));
  const tableName = declared.tables.find((table) => table.target === target)!.name!;
  return new EntitySchema({
    name: target.name,
    target,
    tableName,
    indices,
    columns: Object.fromEntries(
      columns.map(({ propertyName, options }) => {
        const isGenerated = declared.generations.some(
          (each) => each.target === target && each.propertyName === propertyName,
        );
        const isKey = options.primary === true || keys.has(propertyName);
        const { name = propertyName, nullable = false, primary = false } = options;
        const common = {
          name,
          nullable,
          primary,
          ...(options.default === undefined ? {} : { default: options.default as unknown }),
        };
        if (options.type === 'integer') return [propertyName, { ...common, ...integer(isGenerated) }];
        return [propertyName, { ...common, ...text(isKey, propertyName) }];
      }),
    ),
  });
}

function integer(isGenerated: boolean): EntitySchemaColumnOptions {
  return { type: 'bigint', transformer: AS_NUMBER, ...(isGenerated ? { generated: 'increment' } : {}) };
}

function text(isKey: boolean, propertyName: string): EntitySchemaColumnOptions {
  const bytewise = { charset: 'utf8mb4', collation: 'utf8mb4_bin' };
  if (!isKey) return { type: 'longtext', ...bytewise };
  return { type: 'varchar', length: KEY_LENGTHS[propertyName] ?? KEY_LENGTH, ...bytewise };
}
