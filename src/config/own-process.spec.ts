import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { hostname } from 'node:os';
import { describe, expect, it } from 'vitest';
import { isGone, ownHost } from './own-process.js';

describe('a process', () => {
  it('is gone when it has ended, and not before', async () => {
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
    await once(child, 'spawn');
    expect(isGone(child.pid!)).toBe(false);
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(isGone(child.pid!)).toBe(true);
  });

  it('that had our number is gone', () => {
    expect(isGone(process.pid)).toBe(true);
    expect(isGone(process.ppid)).toBe(false);
  });

  it('belongs to a host that is the same each time', () => {
    expect(ownHost()).toBe(ownHost());
    expect(ownHost().startsWith(hostname().slice(0, 200))).toBe(true);
  });
});
