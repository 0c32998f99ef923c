import { describe, expect, it } from 'vitest';
import { createLogger } from './logger.js';
import { NestLogger } from './nest-logger.js';

function capture() {
  const lines: Record<string, unknown>[] = [];
  const write = (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>);
  return { lines, nest: new NestLogger(createLogger({ level: 'trace', format: 'json' }, { write })) };
}

describe('NestLogger', () => {
  it.each([
    ['verbose', 'trace'],
    ['debug', 'debug'],
    ['log', 'debug'],
    ['warn', 'warn'],
    ['error', 'error'],
    ['fatal', 'fatal'],
  ] as const)('%s becomes %s', (method, level) => {
    const { nest, lines } = capture();
    nest[method]('a message', 'RouterExplorer');
    expect(lines).toMatchObject([{ level, name: 'RouterExplorer', msg: 'a message' }]);
  });

  it('takes the stack that Nest passes with an error', () => {
    const { nest, lines } = capture();
    const { stack } = new Error('broken');
    nest.error('broken', stack, 'ExceptionsHandler');
    nest.error('broken', stack);
    nest.error('broken', undefined, 'ExceptionsHandler');
    expect(lines).toMatchObject([
      { name: 'ExceptionsHandler', msg: 'broken', stack },
      { name: 'Nest', msg: 'broken', stack },
      { name: 'ExceptionsHandler', msg: 'broken' },
    ]);
    expect(lines[0]).not.toHaveProperty('details');
    expect(lines[2]).not.toHaveProperty('stack');
  });

  it('takes errors and objects as messages', () => {
    const { nest, lines } = capture();
    nest.error(new Error('broken'), 'Injector');
    nest.warn({ a: 1 });
    expect(lines).toMatchObject([
      { name: 'Injector', msg: 'broken', err: { message: 'broken', stack: expect.stringContaining('at ') } },
      { name: 'Nest', msg: '{ a: 1 }' },
    ]);
  });

  it('keeps further details', () => {
    const { nest, lines } = capture();
    nest.warn('odd', { a: 1 }, 'Injector');
    expect(lines).toMatchObject([{ name: 'Injector', msg: 'odd', details: [{ a: 1 }] }]);
  });
});
