import { spawnSync } from 'node:child_process';
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { makeTemporaryFolder } from '../support/temporary-folder.js';

const BIN = join(import.meta.dirname, '../../bin/millrace.js');

function run(bin: string, ...args: string[]) {
  return spawnSync(process.execPath, [bin, ...args], { encoding: 'utf8', env: { ...process.env, FORCE_COLOR: '1' } });
}

describe('bin/millrace.js', () => {
  it('is the command line, without colours where nobody sees them', () => {
    const { status, stdout } = run(BIN, '--help');
    expect(status).toBe(0);
    expect(stdout).toContain('Usage: millrace');
    expect(stdout).not.toContain('\u001b');
  });

  it('hands on the exit code', () => {
    expect(run(BIN, 'demmo').status).toBe(2);
  });

  it('says what to do where nothing is built', async () => {
    const folder = await makeTemporaryFolder();
    cpSync(BIN, join(folder.path, 'bin/millrace.mjs'), { recursive: true });
    const { status, stderr } = run(join(folder.path, 'bin/millrace.mjs'));
    await folder.remove();
    expect(status).toBe(1);
    expect(stderr).toContain('npm run build');
  });
});
