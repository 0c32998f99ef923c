/** The URL of Redis that workers are told, beside the one that the servers use themselves. */
import type { UrlProblem } from './service-url.js';

const DEFAULT_USER = 'default';
const OWN_USER = 'redis://user:password@host:port';

/** What is wrong with it although it is the URL of a Redis: whoever is told it must not be able to do what a server can. */
export function eventbusProblem(told: string | null, own: string | null): UrlProblem | null {
  if (told === null || own === null) return null;
  const user = userOf(told);
  if (user === DEFAULT_USER || new URL(told).password === '') {
    return { wrong: 'names no user of its own', allowed: `it takes \`${OWN_USER}\` of a user who may only XADD` };
  }
  if (user === userOf(own)) {
    const allowed = 'make another user, who may only XADD, because workers are told it';
    return { wrong: 'names the user of MILLRACE_REDIS_URL', allowed };
  }
  if (databaseOf(told) !== databaseOf(own)) {
    const wrong = `names database ${databaseOf(told)}, but MILLRACE_REDIS_URL names database ${databaseOf(own)}`;
    return { wrong, allowed: 'end both in the same `/number`' };
  }
  return null;
}

/** As clients in all languages read it: with its port and its database. */
export function toldUrl(eventbusUrl: string): string {
  const { protocol, username, password, hostname, port } = new URL(eventbusUrl);
  return `${protocol}//${username}:${password}@${hostname}:${port === '' ? 6379 : port}/${databaseOf(eventbusUrl)}`;
}

function userOf(url: string): string {
  return decodeURIComponent(new URL(url).username) || DEFAULT_USER;
}

function databaseOf(url: string): string {
  return new URL(url).pathname.slice(1) || '0';
}
