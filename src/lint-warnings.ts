import type { Definition } from './load-definition.js';
import { compareWarnings, type LintWarning, shortWarning } from './model/lint.js';
import type { Scope } from './model/scope.js';
import type { LintOptions } from './parser/lint/lint-options.js';

/** Runs `work` with the rules on; tells what they found, in order of place, also when it fails. */
export async function withWarnings<T>(
  definition: Definition,
  scope: Scope,
  work: (lint: LintOptions) => Promise<T>,
): Promise<T> {
  // Each platform of a build finds the same.
  const found = new Map<string, LintWarning>();
  try {
    const warn = (warning: LintWarning): void => {
      found.set(`${String(warning.range.startLine)} ${shortWarning(warning)}`, warning);
    };
    return await work({ warn, ignore: definition.ignoreFacts });
  } finally {
    const source = definition.dockerfile.lines.join('\n');
    for (const warning of [...found.values()].sort(compareWarnings)) {
      const { description, url, range } = warning;
      scope.emit({
        type: 'warning',
        vertex: definition.vertex,
        message: shortWarning(warning),
        detail: [description],
        ...(url === undefined ? {} : { url }),
        range,
        source,
      });
    }
  }
}
