/**
 * Finds a wrong MILLRACE_SECRET at the start, instead of when the first key of an upstream is to be opened: a text that was
 * sealed at the very first start must open with it.
 */
import { messageOf } from '../../kernel/errors.js';
import type { SecretSealer } from '../../kernel/secret-sealer.js';
import type { Database } from '../../store/database.js';
import { ensureSetting } from '../../store/procedures/setting.procedures.js';

/** The setting that holds it. */
export const SECRET_CANARY = 'secret_canary';
const CANARY = 'This opens with the secret of the deployment.';

/** Throws, saying what to do, when what is stored was sealed with another secret. */
export async function checkSecret(database: Database, sealer: SecretSealer): Promise<void> {
  const sealed = await database.write(ensureSetting, { name: SECRET_CANARY, value: sealer.seal(CANARY) });
  try {
    sealer.open(sealed);
  } catch (error) {
    throw new Error(`MILLRACE_SECRET does not fit what is stored: ${messageOf(error)}`, { cause: error });
  }
}
