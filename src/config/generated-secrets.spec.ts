import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeTemporaryFolder, type TemporaryFolder } from '../../test/support/temporary-folder.js';
import { parseApiKey } from '../kernel/api-key.js';
import type { AppConfig } from './app-config.js';
import { loadSecrets, prepareDataFolder } from './generated-secrets.js';

let folder: TemporaryFolder;
beforeEach(async () => {
  folder = await makeTemporaryFolder();
});
afterEach(() => folder.remove());

function config(given: { adminKey?: string; secret?: string } = {}): AppConfig {
  return { dataDir: folder.path, adminKey: given.adminKey ?? null, secret: given.secret ?? null } as AppConfig;
}

describe('secrets', () => {
  it('are made once and kept where only the owner can read them', () => {
    const first = loadSecrets(config());
    expect(parseApiKey(first.adminKey.text)).not.toBeNull();
    expect(first.sealing.text).toMatch(/^[0-9a-f]{64}$/);
    const second = loadSecrets(config());
    for (const name of ['adminKey', 'sealing'] as const) {
      expect(first[name].isNew).toBe(true);
      expect(second[name]).toEqual({ ...first[name], isNew: false });
      expect(statSync(first[name].path!).mode & 0o777).toBe(0o600);
      expect(readFileSync(first[name].path!, 'utf8').trim()).toBe(first[name].text);
    }
  });

  it('come from the configuration if it has them', () => {
    const { adminKey, sealing } = loadSecrets(config({ adminKey: 'a'.repeat(16), secret: 's'.repeat(16) }));
    expect(adminKey).toEqual({ text: 'a'.repeat(16), path: null, isNew: false });
    expect(sealing).toEqual({ text: 's'.repeat(16), path: null, isNew: false });
  });

  it('are not replaced when their file is damaged: what was sealed could never be opened again', () => {
    writeFileSync(join(folder.path, 'secret.key'), '');
    expect(() => loadSecrets(config())).toThrow(/secret\.key is damaged/);
  });
});

describe('the data folder', () => {
  it('is made for its owner alone, and closed to others if it was open', () => {
    const fresh = join(folder.path, 'a/b');
    const open = join(folder.path, 'open');
    mkdirSync(open, { mode: 0o755 });
    for (const path of [fresh, open]) {
      prepareDataFolder(path);
      expect(statSync(path).mode & 0o777).toBe(0o700);
    }
  });

  describe('of somebody else', () => {
    const refuse = (code: string) => () => {
      throw Object.assign(new Error('refused'), { code });
    };

    it('is used where he lets us in', () => {
      expect(() => prepareDataFolder(folder.path, { chmod: refuse('EPERM') })).not.toThrow();
    });

    it('is refused where he does not, with what to do', () => {
      const prepare = () => prepareDataFolder(folder.path, { chmod: refuse('EPERM'), access: refuse('EACCES') });
      expect(prepare).toThrow(/belongs to another user.*chown -R \d+:\d+ /);
    });

    it('tells of any other trouble as it is', () => {
      expect(() => prepareDataFolder(folder.path, { chmod: refuse('EROFS') })).toThrow('refused');
    });
  });
});
