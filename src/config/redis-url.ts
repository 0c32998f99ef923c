import { urlProblem, type UrlForm, type UrlProblem } from './service-url.js';

const FORM: UrlForm = {
  example: '`redis://user:password@host:6379/0`, of which only `redis://host` must be there',
  credentials: 'the user or password',
  usualPort: '6379',
};
const NUMBER = 'end it in `/number` of the database, or in nothing for database 0';

/** What is wrong with it although it begins as the URL of a Redis does. */
export function redisUrlProblem(text: string): UrlProblem | null {
  const problem = urlProblem(text, FORM);
  if (problem !== null) return problem;
  const { pathname, searchParams } = new URL(text);
  if (!/^\/?\d*$/.test(pathname)) return { wrong: 'names a database that is no number', allowed: NUMBER };
  // The client would take it, but nothing here that says or compares which database it is.
  if (searchParams.has('db')) return { wrong: 'has `db` as a parameter', allowed: NUMBER };
  return null;
}
