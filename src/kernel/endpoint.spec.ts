import { describe, expect, it } from 'vitest';
import { isEndpoint } from './endpoint.js';

describe('isEndpoint', () => {
  it.each([
    '/v1/chat/completions',
    '/v1/x',
    '/x',
    '/v1/models/gpt-4.1:beta@2',
    '/.well-known/x',
    `/${'x'.repeat(199)}`,
  ])('holds of %s', (text) => expect(isEndpoint(text)).toBe(true));

  it.each([
    ['nothing', ''],
    ['no slash at its start', 'v1/chat/completions'],
    ['a URL', 'https://api.example.com/v1/chat/completions'],
    ['a URL without a scheme', '//api.example.com/v1'],
    ['a way up', '/v1/../admin'],
    ['a way up at its end', '/v1/..'],
    ['a step on the spot', '/v1/./x'],
    ['a slash at its end', '/v1/x/'],
    ['two slashes', '/v1//x'],
    ['a query', '/v1/x?a=b'],
    ['a fragment', '/v1/x#a'],
    ['a space', '/v1/x y'],
    ['a line break', '/v1/x\r\nhost: y'],
    ['a percent sign', '/v1/%2e%2e/x'],
    ['a backslash', '/v1\\x'],
    ['letters beyond ASCII', '/v1/é'],
    ['more than 200 characters', `/${'x'.repeat(200)}`],
  ])('does not hold of one with %s', (_what, text) => expect(isEndpoint(text)).toBe(false));
});
