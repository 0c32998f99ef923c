import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readAskedLines } from './demo-check.js';

const ROOT = join(import.meta.dirname, '../../..');
const JSONL = readFileSync(join(ROOT, 'examples/support-tickets.jsonl'), 'utf8');

interface Line {
  custom_id: string;
  method: string;
  url: string;
  body: { model: string; messages: { role: string; content: string }[] };
}

describe('examples/support-tickets.jsonl', () => {
  const lines = JSONL.trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);

  it('is what its script makes', () => {
    const made = execFileSync(process.execPath, [join(ROOT, 'scripts/make-example.js'), '--print'], {
      encoding: 'utf8',
    });
    expect(made).toBe(JSONL);
  });

  it('has requests that differ, each under an id of its own', () => {
    expect(lines.length).toBeGreaterThanOrEqual(200);
    expect(new Set(lines.map(({ custom_id }) => custom_id)).size).toBe(lines.length);
    expect(new Set(lines.map(({ body }) => JSON.stringify(body))).size).toBe(lines.length);
    for (const { method, url, body } of lines) {
      expect([method, url, body.model]).toEqual(['POST', '/v1/chat/completions', 'demo-small']);
      expect(body.messages.every(({ content }) => content !== '' && !content.includes('{order}'))).toBe(true);
    }
  });

  it('has five lines that fail and one that fails at first', () => {
    const asked = readAskedLines(JSONL);
    expect(asked.filter(({ failsWith }) => failsWith !== null).map(({ failsWith }) => failsWith)).toEqual([
      400, 404, 422, 400, 413,
    ]);
    expect(asked.filter(({ failsAtFirst }) => failsAtFirst)).toHaveLength(1);
  });
});
