/** Where a backup does not agree with itself, in words. Pure. */
import type { PromisedBlob, StoreCounts } from '../../store/inspection.js';
import { CliError } from '../cli-error.js';
import { BLOBS, type Manifest, type ManifestEntry } from './archive.js';

/** @throws CliError for a text that is no manifest, or one of a later version */
export function parseManifest(text: string): Manifest {
  let manifest: Partial<Manifest> | null;
  try {
    manifest = JSON.parse(text) as Partial<Manifest> | null;
  } catch {
    throw new CliError('The manifest of the backup is damaged.');
  }
  if (manifest?.format !== 1) throw new CliError('The backup was made by a newer version of Millrace; use that one.');
  return manifest as Manifest;
}

/** Files that are missing, too many, or not what they were. */
export function compareEntries(listed: readonly ManifestEntry[], found: readonly ManifestEntry[]): string[] {
  const rest = new Map(found.map((entry) => [entry.path, entry]));
  const problems: string[] = [];
  for (const { path, bytes, sha256 } of listed) {
    const there = rest.get(path);
    rest.delete(path);
    if (there === undefined) problems.push(`${path} is missing`);
    else if (there.bytes !== bytes) problems.push(`${path} has ${there.bytes} bytes instead of ${bytes}`);
    else if (there.sha256 !== sha256) problems.push(`${path} was changed: its SHA-256 is another`);
  }
  return [...problems, ...[...rest.keys()].map((path) => `${path} is not in the manifest`)];
}

export function compareCounts(listed: StoreCounts, found: StoreCounts): string[] {
  return (Object.keys(found) as (keyof StoreCounts)[])
    .filter((kind) => listed[kind] !== found[kind])
    .map((kind) => `the database has ${found[kind]} ${kind} instead of ${listed[kind]}`);
}

/** Stored files that the database refers to and the backup does not have, or has otherwise. */
export function missingBlobs(promised: readonly PromisedBlob[], entries: readonly ManifestEntry[]): string[] {
  const there = new Map(entries.map((entry) => [entry.path, entry]));
  return promised.flatMap(({ key, bytes, sha256 }) => {
    const entry = there.get(BLOBS + key);
    if (entry === undefined) return [`the stored file ${key} is missing`];
    const isSame = (bytes === null || bytes === entry.bytes) && (sha256 === null || sha256 === entry.sha256);
    return isSame ? [] : [`the stored file ${key} is not what the database knows`];
  });
}
