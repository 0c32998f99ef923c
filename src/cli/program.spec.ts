import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { makeProgram, runCli } from './program.js';

describe('the command line', () => {
  let out = '';
  let err = '';

  beforeEach(() => {
    [out, err] = ['', ''];
    vi.spyOn(process.stdout, 'write').mockImplementation((text) => ((out += String(text)), true));
    vi.spyOn(process.stderr, 'write').mockImplementation((text) => ((err += String(text)), true));
    vi.spyOn(console, 'log').mockImplementation((text) => (out += `${text}\n`));
    vi.spyOn(console, 'error').mockImplementation((text) => (err += `${text}\n`));
  });
  afterEach(() => {
    vi.restoreAllMocks();
    vi.unstubAllEnvs();
  });

  it('teaches with its help', async () => {
    expect(await runCli(['--help'])).toBe(0);
    for (const command of makeProgram().commands) expect(out).toContain(`\n  ${command.name()} `);
    expect(out).toContain('millrace demo');
    expect(err).toBe('');
  });

  it('has a help with examples for every command', async () => {
    for (const name of makeProgram().commands.map((command) => command.name())) {
      expect(await runCli([name, '--help'])).toBe(0);
      expect(out, name).toMatch(/Examples:\n(  .+\n)+/);
    }
  });

  it.each([
    ['no command', []],
    ['an unknown command', ['demmo']],
    ['an unknown option', ['serve', '--prot', '1']],
    ['a bad value', ['demo', '--port', '70000']],
    ['too many words', ['config', 'print', 'MILLRACE_PORT']],
    ['a command of commands alone', ['config']],
  ])('ends with 2 for %s', async (_, args) => {
    expect(await runCli(args)).toBe(2);
    expect(out).toBe('');
    expect(err).not.toBe('');
  });

  describe('config print', () => {
    it('shows settings and where they come from', async () => {
      vi.stubEnv('MILLRACE_PORT', '9123');
      expect(await runCli(['config', 'print'])).toBe(0);
      expect(out).toMatch(/^MILLRACE_PORT +9123 +\(environment\)$/m);
      expect(out).toMatch(/^MILLRACE_MODE +embedded/m);
    });

    it('speaks JSON, and never shows a secret', async () => {
      vi.stubEnv('MILLRACE_ADMIN_KEY', 'sk-do-not-show-me-to-anybody');
      expect(await runCli(['config', 'print', '--json'])).toBe(0);
      const rows = JSON.parse(out) as object[];
      expect(rows).toContainEqual({ name: 'MILLRACE_ADMIN_KEY', value: 'set, ends in …body', origin: 'environment' });
      expect(out).not.toContain('do-not-show-me');
    });

    it('ends with 1 and the bare message when the configuration is wrong', async () => {
      vi.stubEnv('MILLRACE_PROT', '1');
      expect(await runCli(['config', 'print'])).toBe(1);
      expect(out).toBe('');
      expect(err).toContain('did you mean MILLRACE_PORT?');
      expect(err).not.toContain('    at ');
    });
  });

  it('shows the whole of an error that nobody expected', async () => {
    const program = await import('../config/load-config.js');
    vi.spyOn(program, 'processInput').mockImplementation(() => {
      throw new TypeError('a defect');
    });
    expect(await runCli(['config', 'print'])).toBe(1);
    expect(err).toContain('TypeError: a defect');
  });
});
