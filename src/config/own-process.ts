/** Who this process is to other processes, and whether one of them is gone. */
import { readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

/** Longest name that is stored of a host. */
const MAX_NAME = 200;

/**
 * Where process numbers mean something: the machine, and on Linux the namespace of its processes, because containers that
 * share a host's name number theirs independently.
 */
export function ownHost(): string {
  return `${hostname().slice(0, MAX_NAME)}${namespace()}`;
}

function namespace(): string {
  try {
    return ` ${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    return ''; // not Linux
  }
}

/** Whether no other process of this host has that number now. One that took the number over makes this false. */
export function isGone(pid: number): boolean {
  if (pid === process.pid) return true; // it is ours now
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}
