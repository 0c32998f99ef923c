import { afterEach, describe, expect, it } from 'vitest';
import { Agent, request } from 'undici';
import type { AppConfig } from '../../config/app-config.js';
import { CallbackTargets } from '../../modules/callbacks/callback-targets.js';
import { guardedConnector, TargetRefused, type Connect } from './guarded-connector.js';

const targets = new CallbackTargets({ callbackAllow: [] } as unknown as AppConfig);

/** Stands for the socket: whoever gets here would have been connected. Nothing is. */
class SocketSpy {
  readonly connects: string[] = [];
  readonly connect: Connect = (addresses, _options, callback) => {
    this.connects.push(addresses.join(' '));
    callback(new Error('the spy connects nobody'), null);
  };
}

let agent: Agent | null = null;
afterEach(() => agent?.destroy());

/** What came of a request to `url` when DNS says `answers`, one after the other. */
async function ask(url: string, spy: SocketSpy, ...answers: string[][]): Promise<unknown> {
  const left = [...answers];
  const resolver = {
    addressesOf: (host: string) => Promise.resolve(answers.length === 0 ? [host] : (left.shift() ?? [])),
  };
  agent ??= new Agent({ connect: guardedConnector(targets, resolver, spy.connect), connections: 1 });
  return request(url, { dispatcher: agent, method: 'POST', body: '{}' }).then(
    () => null,
    (error: unknown) => error,
  );
}

afterEach(() => {
  agent = null;
});

describe('a guarded connection', () => {
  it('goes to the addresses that were judged', async () => {
    const spy = new SocketSpy();
    expect(await ask('https://h.example/', spy, ['8.8.8.8', '2606:4700:4700::1111'])).toMatchObject({
      message: 'the spy connects nobody',
    });
    expect(spy.connects).toEqual(['8.8.8.8 2606:4700:4700::1111']);
  });

  it.each([
    [['127.0.0.1']],
    [['169.254.169.254']],
    [['::1']],
    [['fe80::1']],
    [['::ffff:10.0.0.1']],
    [['8.8.8.8', '10.0.0.1']],
    [['10.0.0.1', '8.8.8.8']],
    [[]],
  ])('is not made when DNS says %j', async (answer) => {
    const spy = new SocketSpy();
    expect(await ask('https://h.example/', spy, answer)).toBeInstanceOf(TargetRefused);
    expect(spy.connects).toEqual([]);
  });

  it.each([
    'https://127.0.0.1/',
    'https://0x7f.1/',
    'https://[::1]/',
    'https://[::ffff:10.0.0.1]/',
    'https://10.0.0.1:8443/',
  ])('is not made to %s, which no DNS is asked for', async (url) => {
    const spy = new SocketSpy();
    expect(await ask(url, spy)).toBeInstanceOf(TargetRefused);
    expect(spy.connects).toEqual([]);
  });

  it('is judged anew each time, so a name that first leads out and then in leads nowhere', async () => {
    const spy = new SocketSpy();
    const answers = [['8.8.8.8'], ['127.0.0.1'], ['8.8.8.8']];
    const left = [...answers];
    const resolver = { addressesOf: () => Promise.resolve(left.shift()!) };
    agent = new Agent({ connect: guardedConnector(targets, resolver, spy.connect), connections: 1 });
    const outcomes: boolean[] = [];
    for (let n = 0; n < answers.length; n += 1) {
      const error = await request('https://h.example/', { dispatcher: agent }).catch((failure: unknown) => failure);
      outcomes.push(error instanceof TargetRefused);
    }
    expect(outcomes).toEqual([false, true, false]);
    expect(spy.connects).toEqual(['8.8.8.8', '8.8.8.8']);
  });

  it('is not made in plain http to what is not listed', async () => {
    const spy = new SocketSpy();
    expect(await ask('http://h.example/', spy, ['8.8.8.8'])).toBeInstanceOf(TargetRefused);
    expect(spy.connects).toEqual([]);
  });

  it('fails with what the resolver says', async () => {
    const resolver = { addressesOf: () => Promise.reject(Object.assign(new Error('no'), { code: 'ENOTFOUND' })) };
    agent = new Agent({ connect: guardedConnector(targets, resolver, new SocketSpy().connect) });
    await expect(request('https://h.example/', { dispatcher: agent })).rejects.toMatchObject({ code: 'ENOTFOUND' });
  });
});
