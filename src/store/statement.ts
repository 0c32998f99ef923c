/**
 * A named SQL text, one file per dialect: `store/sql/<dialect>/<name>.sql`. The types say what goes in (named
 * parameters, `:laneSeq`) and what a row coming out looks like; the files say what they do and why they differ.
 */
export interface Statement<Params, Row = never> {
  readonly name: string;
  /** Carries the types only; never set. */
  readonly types?: { params: Params; row: Row };
}

export type SqlValue = string | number | bigint | Buffer | null;
export type SqlParams = Record<string, SqlValue>;

const declared = new Set<string>();

export function statement<Params extends SqlParams | Record<string, never>, Row = never>(
  name: string,
): Statement<Params, Row> {
  if (declared.has(name)) throw new Error(`statement '${name}' is declared twice`);
  declared.add(name);
  return { name };
}

/** The names declared by every module loaded so far; the start checks that each has its file. */
export function declaredStatements(): ReadonlySet<string> {
  return declared;
}
