import { describe, expect, it } from 'vitest';
import { describeS3Url, parseS3Url } from './s3-url.js';

const SERVER = { endpoint: 'http://127.0.0.1:9000', credentials: { accessKeyId: 'KEY', secretAccessKey: 'SECRET' } };

describe('parseS3Url', () => {
  it.each([
    [
      's3://files?region=eu-west-1',
      { bucket: 'files', prefix: '', region: 'eu-west-1', endpoint: null, credentials: null },
    ],
    ['s3://my.files/', { bucket: 'my.files', prefix: '', region: null, endpoint: null, credentials: null }],
    ['s3://files/a/b/', { bucket: 'files', prefix: 'a/b/', region: null, endpoint: null, credentials: null }],
    ['http://KEY:SECRET@127.0.0.1:9000/files', { ...SERVER, bucket: 'files', prefix: '', region: 'us-east-1' }],
    [
      'http://KEY:SECRET@127.0.0.1:9000/files/x?region=home',
      { ...SERVER, bucket: 'files', prefix: 'x/', region: 'home' },
    ],
  ])('takes %s', (text, expected) => {
    expect(parseS3Url(text)).toEqual(expected);
  });

  it('gives the secret back as it was before it was escaped', () => {
    const { credentials } = parseS3Url('https://K%40Y:a%2Fb%2Bc%3D%25@s3.example.com/files');
    expect(credentials).toEqual({ accessKeyId: 'K@Y', secretAccessKey: 'a/b+c=%' });
  });

  it.each([
    ['', 'is not such a URL'],
    ['files', 'is not such a URL'],
    ['ftp://K:hush@host/files', 'is not such a URL'],
    ['http://K:hush/h@host/files', 'is not such a URL'],
    ['http://K:12/hush@host/files', 'write it as %2F'],
    ['http://host/files', 'has no KEY:SECRET@'],
    ['http://K@host/files', 'has no KEY:SECRET@'],
    ['http://K:hush%zz@host/files', 'write it as %25'],
    ['http://K:hush@host', 'has no bucket'],
    ['http://K:hush@host/', 'has no bucket'],
    ['http://K:hush@host/b', 'a name that cannot be'],
    ['http://K:hush@host/files/a//b', 'has a prefix'],
    ['http://K:hush@host/files/a%2e%2e/b', 'has a prefix'],
    [`http://K:hush@host/files/${'a/'.repeat(300)}`, 'has a prefix'],
    ['http://K:hush@host/files?regoin=x', 'other than ?region='],
    ['http://K:hush@host/files?region=a%20b', 'a region that is none'],
    ['http://K:hush@host/files#x', 'a fragment'],
    ['s3://', 'has no bucket'],
    ['s3://K:hush@files', 'AWS_ACCESS_KEY_ID'],
    ['s3://files:9000', 'has a port'],
  ])('refuses %s and keeps the secret to itself', (text, why) => {
    let message = '';
    try {
      parseS3Url(text);
    } catch (error) {
      expect(error).toBeInstanceOf(RangeError);
      message = (error as Error).message;
    }
    expect(message).toContain(why);
    expect(message).not.toContain('hush');
  });
});

describe('describeS3Url', () => {
  it.each([
    ['s3://files/a?region=eu-west-1', 's3://files/a?region=eu-west-1'],
    ['s3://files', 's3://files'],
    ['http://KEY:SECRET@127.0.0.1:9000/files/a/b', 'http://127.0.0.1:9000/files/a/b?region=us-east-1'],
  ])('says of %s: %s', (text, described) => {
    expect(describeS3Url(parseS3Url(text))).toBe(described);
  });
});
