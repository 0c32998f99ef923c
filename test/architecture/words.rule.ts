/**
 * The project stands on its own: none of its files names the place where it was written, or notes that its readers
 * cannot open. Each pattern is put together from pieces, so that this file passes too.
 */
import type { SourceText } from './source-tree.js';

const NOTES = '(design|style|reliability|ecosystem|dialects|measurements|openai-conformance)';

export const FORBIDDEN: readonly RegExp[] = [
  pattern('/work', '/(main|shared|\\.library)\\b'),
  pattern('/tmp', '/brief\\b'),
  pattern('\\b', NOTES, '\\.', 'md\\b'),
  pattern('\\b', '[Ii]ssues? ', '#?\\d+'),
  // Decisions and house rules by their numbers.
  pattern('\\b[Dd]esign[ ,:]+', 'D\\d'),
  pattern('\\(', '[DRI]', '\\d{1,2}\\)'),
  // A lock file that works only beside some private registry.
  pattern('"resolved": ', '"https?:', '//(?!registry\\.npmjs\\.org/)'),
];

function pattern(...pieces: string[]): RegExp {
  return new RegExp(pieces.join(''));
}

export function wordViolations(files: readonly SourceText[]): string[] {
  return files.flatMap(({ path, text }) =>
    FORBIDDEN.flatMap((forbidden) => {
      const match = forbidden.exec(text);
      if (match === null) return [];
      const line = text.slice(0, match.index).split('\n').length;
      return [`${path}:${line} says '${match[0]}': the project does not name the place where it was written.`];
    }),
  );
}
