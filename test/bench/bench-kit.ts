/** What the benches share: processes, medians, CPU time and memory of a process, a table. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** Compiled benches are in dist/bench/test/bench. */
export const DIST = join(import.meta.dirname, '../../..');

export interface Started {
  process: ChildProcess;
  url: string;
}

/** A bench that fails must not leave its servers behind. */
const children = new Set<ChildProcess>();
process.once('exit', () => children.forEach((child) => child.kill('SIGKILL')));

/** Starts a script of dist/ and waits for the line in which it says where it listens. */
export async function startProcess(script: string, args: string[], env: Record<string, string> = {}): Promise<Started> {
  const child = spawn(process.execPath, [join(DIST, script), ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.add(child);
  child.once('exit', () => children.delete(child));
  let said = '';
  for await (const chunk of child.stdout) {
    said += String(chunk);
    const url = /listening on (https?:\/\/[^\s"]+)/.exec(said)?.[1];
    if (url) {
      child.stdout.resume();
      return { process: child, url };
    }
  }
  throw new Error(`${script} ended before it listened: ${said}`);
}

export async function stopProcess({ process: child }: Started): Promise<void> {
  if (child.exitCode !== null) return;
  child.kill('SIGTERM');
  await once(child, 'exit');
}

export interface BenchServer extends Started {
  adminKey: string;
  dataDir: string;
  stop(): Promise<void>;
}

/** Variables of a server; without any it is embedded, on a fresh folder. */
export type BenchEnv = Readonly<Record<string, string>>;

/** A server on a fresh folder, ready for work. One in distributed mode is given its admin key. */
export async function startServer(env: BenchEnv, script = 'main.js'): Promise<BenchServer> {
  const dataDir = await mkdtemp(join(tmpdir(), 'millrace-bench-'));
  const started = await startProcess(script, [], {
    MILLRACE_DATA_DIR: dataDir,
    MILLRACE_PORT: '0',
    MILLRACE_LOG_FORMAT: 'json',
    ...env,
  });
  for (;;) {
    const response = await fetch(`${started.url}/readyz`);
    await response.arrayBuffer();
    if (response.ok) break;
    await sleep(50);
  }
  const adminKey = env.MILLRACE_ADMIN_KEY ?? (await readFile(join(dataDir, 'admin.key'), 'utf8')).trim();
  const stop = async () => {
    await stopProcess(started);
    await rm(dataDir, { recursive: true, force: true });
  };
  return { ...started, adminKey, dataDir, stop };
}

/** User and system time of a process so far, in seconds, all threads. Linux counts it in hundredths. */
export function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** The most memory a process has had, in MB. */
export function peakMemoryMb(pid: number): number {
  const kilobytes = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1];
  return Number(kilobytes) / 1024;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Runs `round` once for warming up, then `rounds` times. */
/** The 99th percentile. */
export function p99(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length * 0.99)]!;
}

export async function rounds<T>(count: number, round: (index: number) => Promise<T>): Promise<T[]> {
  await round(-1);
  const results: T[] = [];
  for (let index = 0; index < count; index += 1) results.push(await round(index));
  return results;
}

export type TableRow = [name: string, value: string, runs: string];

/** Prints a Markdown table, ready for the README, under the machine and the date. */
export function printTable(title: string, rows: readonly TableRow[]): void {
  const machine = `${cpus().length} × ${cpus()[0]?.model.trim() ?? 'CPU'}, Node ${process.version}`;
  console.log(`\n${title} (${new Date().toISOString().slice(0, 10)}, ${machine})\n`);
  console.log('| measured | median | runs |');
  console.log('| --- | ---: | --- |');
  for (const [name, value, runs] of rows) console.log(`| ${name} | ${value} | ${runs} |`);
}

/** A row of the table: the median of a figure over all rounds, and the figure of each. */
export function rowOf<T>(name: string, measured: readonly T[], figure: (round: T) => number, digits = 0): TableRow {
  const all = measured.map(figure);
  return [name, median(all).toFixed(digits), all.map((value) => value.toFixed(digits)).join(', ')];
}
