/** What a whole deployment must agree on. */
import { SettingRow } from '../entities/setting.entity.js';
import { procedureOfOne } from '../procedure.js';

/** Keeps this value unless there is one; returns the one that it has now. */
export const ensureSetting = procedureOfOne(
  'setting-ensure',
  async (tx, { name, value }: { name: string; value: string }): Promise<string> => {
    const known = await tx.manager.findOneBy(SettingRow, { name });
    if (known) return known.value;
    await tx.manager.insert(SettingRow, { name, value });
    return value;
  },
);
