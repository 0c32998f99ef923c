import { isIP } from 'node:net';
import { describe, expect, it } from 'vitest';
import type { AppConfig } from '../../config/app-config.js';
import { CallbackTargets, hostOf } from './callback-targets.js';

const targetsWith = (...callbackAllow: string[]) => new CallbackTargets({ callbackAllow } as unknown as AppConfig);
const nothingListed = targetsWith();

const PUBLIC = ['8.8.8.8', '1.1.1.1', '93.184.216.34', '2606:4700:4700::1111', '2a00:1450:4001:81b::200e'];

/** One of each network that is not public, and the ends of the larger ones. */
const BAD_ADDRESSES = (
  '0.0.0.0 0.0.0.1 0.255.255.255 10.0.0.0 10.0.0.1 10.255.255.255 100.64.0.1 100.127.255.254 100.100.100.200 127.0.0.1 ' +
  '127.0.0.53 127.1.2.3 127.255.255.255 169.254.0.1 169.254.0.23 169.254.169.254 169.254.170.2 169.254.170.23 ' +
  '169.254.255.255 172.16.0.1 172.31.255.254 168.63.129.16 192.0.0.1 192.0.0.170 192.0.0.192 192.0.2.1 192.0.2.255 ' +
  '192.31.196.1 192.52.193.1 192.88.99.1 192.168.0.1 192.168.255.255 192.175.48.1 198.18.0.1 198.19.255.255 198.51.100.1 ' +
  '203.0.113.1 203.0.113.255 224.0.0.1 239.255.255.250 240.0.0.1 250.1.2.3 255.255.255.254 255.255.255.255 ' +
  ':: ::1 ::2 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:8.8.8.8 ::ffff:a9fe:a9fe ::127.0.0.1 ::ffff:0:127.0.0.1 ' +
  '64:ff9b::7f00:1 64:ff9b::a9fe:a9fe 64:ff9b:1::1 100::1 100:0:0:1::1 200::1 400::1 1000::1 2001::1 2001:0:53aa::1 ' +
  '2001:2::1 2001:3::1 2001:10::1 2001:1f::1 2001:20::1 2001:2f::1 2001:30::1 2001:db8::1 ' +
  '2001:db8:ffff::1 2002:7f00:1::1 2002:a9fe:a9fe::1 2620:4f:8000::1 3fff::1 3fff:fff::1 4000::1 5f00::1 6000::1 ' +
  '8000::1 a000::1 c000::1 e000::1 f000::1 f800::1 fc00::1 fc00:ec2::254 fd00::1 fd00:ec2::254 fd00:ec2::23 fd12:3456:789a::1 ' +
  'fd20:ce::254 fdff:ffff::1 fe00::1 fe80::1 fe80::1%eth0 febf::1 fec0::1 ff00::1 ff01::1 ff02::1 ff05::2 ff0e::1'
).split(' ');

/** Other spellings of addresses that are not public, as hosts of URLs. */
const ODD_SPELLINGS = (
  'localhost LOCALHOST localhost. a.localhost 127.1 127.0.1 0x7f.1 0x7f000001 0x7F.0.0.0x1 2130706433 017700000001 0177.1 ' +
  '0177.0.0.01 127.0.0.1. 127%2e0%2e0%2e1 %31%32%37.0.0.1 127。0。0。1 １２７.0.0.1 ①②⑦.0.0.1 0 0x0 00 0.0 0xa9fea9fe ' +
  '2852039166 0251.0376.0251.0376 169.254.43518 0xa9.0xfe.0xa9.0xfe 10.1 0xa.1 3232235521 192.168.1 192.168.257 ' +
  '[::] [::1] [0:0:0:0:0:0:0:1] [0000::0001] [::ffff:127.0.0.1] [::ffff:7f00:1] [0:0:0:0:0:ffff:7f00:1] [::127.0.0.1] ' +
  '[fe80::1] [FD00::1] [64:ff9b::7f00:1] [2002:7f00:1::] [::ffff:169.254.169.254] [fd00:ec2::254]'
).split(' ');

function refusalOf(targets: CallbackTargets, url: string): string | null {
  try {
    targets.checkUrl(url);
    return null;
  } catch (error) {
    expect(error).toMatchObject({ code: 'invalid_value', param: 'callback_url' });
    return (error as Error).message;
  }
}

describe('a connection', () => {
  it.each(PUBLIC)('may be made to %s', (address) => {
    expect(nothingListed.refusal({ host: 'h.example', isSecure: true }, [address])).toBeNull();
  });

  it('is tried with more than a hundred addresses that are not public', () => {
    expect(new Set(BAD_ADDRESSES).size).toBeGreaterThan(100);
    expect(BAD_ADDRESSES.filter((address) => isIP(address) === 0)).toEqual([]);
  });

  it.each(BAD_ADDRESSES)('must not be made to %s', (address) => {
    const refusal = nothingListed.refusal({ host: 'h.example', isSecure: true }, [address]);
    expect(refusal).toMatch(
      /^the host (has an address that is not public \([a-z0-9 ]+\)|is the metadata service of a cloud)$/,
    );
  });

  it('must not be made when only one of the addresses is bad, whichever it is', () => {
    const host = { host: 'h.example', isSecure: true };
    expect(nothingListed.refusal(host, ['8.8.8.8', '10.0.0.1'])).not.toBeNull();
    expect(nothingListed.refusal(host, ['::1', '2606:4700:4700::1111'])).not.toBeNull();
    expect(nothingListed.refusal(host, PUBLIC)).toBeNull();
    expect(nothingListed.refusal(host, [])).toBe('the host has no address');
  });

  it('is made in plain http only to what is listed', () => {
    const plain = { host: 'h.example', isSecure: false };
    expect(nothingListed.refusal(plain, ['8.8.8.8'])).toBe('plain http is not allowed here, use https');
    expect(targetsWith('h.example').refusal(plain, ['8.8.8.8'])).toBeNull();
    expect(targetsWith('8.8.8.0/24').refusal(plain, ['8.8.8.8'])).toBeNull();
    expect(targetsWith('10.0.0.0/8').refusal(plain, ['8.8.8.8'])).not.toBeNull();
  });
});

describe('what the operator has listed', () => {
  const reaches = (targets: CallbackTargets, address: string, host = 'h.lan') =>
    targets.refusal({ host, isSecure: false }, [address]) === null;

  it('may be reached: a network, also written as IPv6', () => {
    const targets = targetsWith('10.0.0.0/8', 'fd00::/8');
    expect(['10.1.2.3', '::ffff:10.1.2.3', 'fd01::7'].filter((address) => !reaches(targets, address))).toEqual([]);
    expect(['11.0.0.1', '127.0.0.1', '::ffff:127.0.0.1', 'fe80::1'].filter((one) => reaches(targets, one))).toEqual([]);
  });

  it('may be reached: an address and no other', () => {
    const targets = targetsWith('127.0.0.1', '::1');
    expect(reaches(targets, '127.0.0.1')).toBe(true);
    expect(reaches(targets, '::1')).toBe(true);
    expect(reaches(targets, '127.0.0.2')).toBe(false);
  });

  it('may be reached: a host by its name, wherever that leads', () => {
    const targets = targetsWith('Hooks.LAN.');
    expect(reaches(targets, '192.168.1.5', 'hooks.lan')).toBe(true);
    expect(reaches(targets, '192.168.1.5', 'HOOKS.lan.')).toBe(true);
    expect(reaches(targets, '192.168.1.5', 'evil-hooks.lan')).toBe(false);
    expect(reaches(targets, '192.168.1.5', 'a.hooks.lan')).toBe(false);
  });

  it.each([
    '169.254.169.254',
    '169.254.170.2',
    '100.100.100.200',
    '168.63.129.16',
    'fd00:ec2::254',
    '::ffff:169.254.169.254',
  ])('is not the metadata service at %s, unless by its address', (address) => {
    const wide = targetsWith('h.lan', '0.0.0.0/0', '::/0');
    expect(wide.refusal({ host: 'h.lan', isSecure: true }, [address])).toBe(
      'the host is the metadata service of a cloud',
    );
    expect(reaches(targetsWith(address.replace('::ffff:', '')), address)).toBe(true);
  });
});

describe('a URL', () => {
  it.each([
    ['https://example.com', 'https://example.com/'],
    ['https://Example.COM:443/a b'.replace(' ', '%20'), 'https://example.com/a%20b'],
    ['https://example.com:8443/x?y=1#z', 'https://example.com:8443/x?y=1#z'],
    ['HTTPS://bücher.example/', 'https://xn--bcher-kva.example/'],
    ['https://8.8.8.8/x', 'https://8.8.8.8/x'],
    ['https://[2606:4700:4700::1111]/', 'https://[2606:4700:4700::1111]/'],
  ])('%s is kept as %s', (given, kept) => {
    expect(nothingListed.checkUrl(given)).toBe(kept);
  });

  it.each(ODD_SPELLINGS)('cannot hide an address that is not public: https://%s/', (host) => {
    expect(refusalOf(nothingListed, `https://${host}/x`)).toMatch(/not public|metadata|expected an http or https URL/);
  });

  it.each(ODD_SPELLINGS)('means the address that a connection is made to: %s', (host) => {
    if (!URL.canParse(`https://${host}/`)) return expect(refusalOf(nothingListed, `https://${host}/`)).not.toBeNull();
    const plain = hostOf(new URL(`https://${host}/`));
    return expect(isIP(plain) !== 0 || /(^|\.)localhost$/.test(plain)).toBe(true);
  });

  it.each([
    ['', 'expected an http or https URL.'],
    ['example.com/x', 'expected an http or https URL.'],
    ['ftp://example.com/', 'expected an http or https URL.'],
    ['file:///etc/passwd', 'expected an http or https URL.'],
    ['javascript:alert(1)', 'expected an http or https URL.'],
    ['https:example.com', 'expected an http or https URL.'],
    ['https:///example.com', 'expected an http or https URL.'],
    ['https://', 'expected an http or https URL.'],
    ['https://exa mple.com/', 'expected an http or https URL.'],
    ['https://example.com/a\r\nx-evil: 1', 'expected an http or https URL.'],
    ['https://example.com/\u0000', 'expected an http or https URL.'],
    ['https://example.com\\@127.0.0.1/', 'expected an http or https URL.'],
    [' https://example.com/', 'expected an http or https URL.'],
    ['https://example.com:99999/', 'expected an http or https URL.'],
    ['https://user@example.com/', 'a URL with a user name or a password is not accepted.'],
    ['https://user:secret@example.com/', 'a URL with a user name or a password is not accepted.'],
    ['https://example.com:22/', 'expected the port 80 or 443, or one from 1024 on.'],
    ['https://example.com:0/', 'expected the port 80 or 443, or one from 1024 on.'],
    [`https://example.com/${'x'.repeat(2048)}`, 'expected at most 2048 characters.'],
  ])('%j is refused', (url, wrong) => {
    expect(refusalOf(nothingListed, url)).toBe(`Invalid 'callback_url': ${wrong}`);
  });

  it('in plain http is taken only where something is listed that it may lead to', () => {
    const wrong = "Invalid 'callback_url': plain http is not allowed here, use https.";
    expect(refusalOf(nothingListed, 'http://example.com/')).toContain(wrong);
    expect(refusalOf(nothingListed, 'http://8.8.8.8/')).toContain(wrong);
    expect(refusalOf(targetsWith('other.lan'), 'http://example.com/')).toContain(wrong);
    expect(targetsWith('hooks.lan').checkUrl('http://hooks.lan/')).toBe('http://hooks.lan/');
    expect(targetsWith('10.0.0.0/8').checkUrl('http://hooks/')).toBe('http://hooks/');
    expect(targetsWith('10.0.0.0/8').checkUrl('http://10.1.1.1:9000/')).toBe('http://10.1.1.1:9000/');
    expect(targetsWith('127.0.0.1').checkUrl('http://localhost:9000/')).toBe('http://localhost:9000/');
    expect(targetsWith('localhost').checkUrl('http://localhost:9000/')).toBe('http://localhost:9000/');
  });

  it('that is refused tells who can allow it, and is not repeated', () => {
    const message = refusalOf(nothingListed, 'https://10.0.0.1/?token=secret');
    expect(message).toBe(
      "Invalid 'callback_url': the host has an address that is not public (private). The operator of this server can allow it with MILLRACE_CALLBACK_ALLOW.",
    );
  });
});
