/** Says of a database that not all of what is to come into it from a data folder is there yet. */
import type { DataSource } from 'typeorm';
import { DEPLOYMENT_ID } from '../deployment.store.js';

const NAME = 'move_under_way';

/** No server may work on half of its rows. */
export async function refuseHalfMoved(dataSource: DataSource): Promise<void> {
  const from = await moveUnderWay(dataSource);
  if (from === null) return;
  throw new Error(`a move from ${from} into this database was cut off: run \`millrace move ${from}\` again`);
}

/** Where the move that has begun and not ended comes from; null when there is none. */
export async function moveUnderWay(dataSource: DataSource): Promise<string | null> {
  const rows = await dataSource.query<{ value: string }[]>('SELECT value FROM setting WHERE name = ?', [NAME]);
  return rows[0]?.value ?? null;
}

export async function markMove(dataSource: DataSource, from: string): Promise<void> {
  await dataSource.query('REPLACE INTO setting (name, value) VALUES (?, ?)', [NAME, from]);
}

export async function unmarkMove(dataSource: DataSource): Promise<void> {
  await dataSource.query('DELETE FROM setting WHERE name = ?', [NAME]);
}

/** Whether a row of `setting` is of the deployment alone, and nothing that is moved into it. */
export const IS_OWN = `name IN ('${NAME}', '${DEPLOYMENT_ID}')`;
