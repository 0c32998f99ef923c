import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { CliError } from '../../cli-error.js';

/** Where servers are installed besides PATH, which often lacks the sbin folders for users who are not root. */
const FOLDERS = ['/usr/sbin', '/usr/local/sbin', '/usr/bin', '/usr/local/bin'];

/**
 * Path of a program of somebody else's.
 *
 * @param from the package of Debian that brings it
 * @throws CliError that says what to install
 */
export function findProgram(name: string, from: string): string {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), ...FOLDERS];
  const found = folders
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, name))
    .find(isExecutable);
  if (found === undefined) throw new CliError(`${name} is not on this machine; on Debian: apt-get install ${from}`);
  return found;
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false; // that it cannot be run is the answer
  }
}
