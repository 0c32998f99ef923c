/**
 * Judges what many producers and workers did to a queue of tasks, from what each of them noted. Nothing that was put is lost,
 * nothing was made up, and each task has one result: the one that its worker was told is recorded.
 */
export interface WorkerNote {
  at: 'took' | 'halting' | 'answering' | 'answered' | 'failed' | 'released';
  worker: string;
  id: string;
  token?: string;
  /** Of an answer: unique, unless the same answer is given again. */
  tag?: string;
  how?: 'plain' | 'again' | 'tokenless' | 'racing' | 'late';
  status?: number;
}

/** A task at the end of the run. */
export interface EndedTask {
  id: string;
  state: string;
  /** That of its result. */
  tag: string | null;
}

export interface TaskHistory {
  /** Tasks whose put was answered. */
  put: readonly string[];
  notes: readonly WorkerNote[];
  ended: readonly EndedTask[];
  /** Rare paths that the notes do not tell of: how often each was taken. */
  paths: Readonly<Record<string, number>>;
}

export interface HistoryReport {
  problems: string[];
  /** How often each rare path was taken. */
  paths: Record<string, number>;
}

export function checkHistory({ put, notes, ended, paths }: TaskHistory): HistoryReport {
  const problems: string[] = [];
  const known = new Set(put);
  const endedById = new Map(ended.map((task) => [task.id, task]));
  for (const id of put) {
    const task = endedById.get(id);
    if (task?.state !== 'completed' || task.tag === null) problems.push(`lost: ${id} is ${task?.state ?? 'not there'}`);
  }
  for (const { id } of [...notes, ...ended]) if (!known.has(id)) problems.push(`unexpected: nobody put ${id}`);
  const sent = new Set(notes.filter(({ at }) => at === 'answering').map(({ id, tag }) => `${id} ${tag}`));
  for (const { id, tag } of ended) {
    if (tag !== null && !sent.has(`${id} ${tag}`)) problems.push(`unexpected: nobody answered ${id} with ${tag}`);
  }
  for (const [id, tags] of recordedOf(notes)) {
    if (tags.size > 1) problems.push(`duplicate: ${id} was recorded as ${[...tags].join(' and as ')}`);
    const [tag] = tags;
    const last = endedById.get(id)?.tag;
    if (tags.size === 1 && tag !== last) problems.push(`changed: ${id} was recorded as ${tag} and is ${last}`);
  }
  return { problems: problems.concat(twice(notes)), paths: { ...pathsOf(notes), ...paths } };
}

/** Tags that workers with tokens were told are recorded. */
function recordedOf(notes: readonly WorkerNote[]): Map<string, Set<string>> {
  const recorded = new Map<string, Set<string>>();
  for (const { at, id, tag, how, status } of notes) {
    if (at !== 'answered' || status !== 200 || how === 'tokenless') continue;
    const tags = recorded.get(id) ?? new Set();
    recorded.set(id, tags.add(tag!));
  }
  return recorded;
}

/** Each lease is given once. */
function twice(notes: readonly WorkerNote[]): string[] {
  const leases = notes.filter(({ at }) => at === 'took').map(({ id, token }) => `${id} ${token}`);
  const seen = new Set<string>();
  return leases.filter((lease) => seen.size === seen.add(lease).size).map((lease) => `taken twice: ${lease}`);
}

function pathsOf(notes: readonly WorkerNote[]): Record<string, number> {
  const answered = notes.filter(({ at }) => at === 'answered');
  const count = (how: WorkerNote['how'], status: number) =>
    answered.filter((note) => note.how === how && note.status === status).length;
  const took = notes.filter(({ at }) => at === 'took').map(({ id }) => id);
  const finished = new Set(answered.map(({ id, tag }) => `${id} ${tag}`));
  const begun = notes.filter(({ at, id, tag }) => at === 'answering' && !finished.has(`${id} ${tag}`));
  return {
    'a task taken again': took.length - new Set(took).size,
    'a late answer refused': count('late', 409),
    'the same answer again': count('again', 200),
    'an answer without a token passed over': count('tokenless', 200),
    'one of two racing answers refused': count('racing', 409),
    'a failure': notes.filter(({ at, status }) => at === 'failed' && status === 200).length,
    'a release': notes.filter(({ at, status }) => at === 'released' && status === 200).length,
    'an answer whose sender does not know what came of it': begun.length,
  };
}
