import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeTemporaryFolder, type TemporaryFolder } from '../../../test/support/temporary-folder.js';
import { DemoStage } from './demo-stage.js';

describe('the folder of a demo', () => {
  let home: TemporaryFolder;

  beforeEach(async () => {
    home = await makeTemporaryFolder();
  });
  afterEach(() => home.remove());

  const open = (dataDir: string | null) =>
    new DemoStage({ distributed: false, exit: true, dataDir, port: null }, new AbortController());

  it('is a new one that goes with the demo', async () => {
    const stage = open(null);
    expect(readdirSync(stage.folder)).toEqual([]);
    await stage.close();
    expect(existsSync(stage.folder)).toBe(false);
  });

  it('is made where it was wanted, and stays', async () => {
    const path = join(home.path, 'new/folder');
    await open(path).close();
    expect(existsSync(path)).toBe(true);
  });

  it('may be that of an earlier demo, but not that of a server', () => {
    writeFileSync(join(home.path, 'admin.key'), 'sk-x');
    expect(() => open(home.path)).toThrow(`${home.path} is in use`);
    writeFileSync(join(home.path, 'sim.log'), '');
    expect(open(home.path).folder).toBe(home.path);
  });
});
