import { basename } from 'node:path';
import { type SourceTree, toBytes, toText } from '../cache/source-tree.js';
import { BuildError } from '../model/error.js';
import { nearest } from '../model/nearest.js';
import type { BuildContext } from './build-context.js';

/** A source that is not in the build context: the rule that excludes it, or the nearest name. */
export function missingInContext(
  instruction: string,
  source: string,
  context: BuildContext,
): BuildError {
  const path = source.replace(/^(\.?\/)+/, '');
  const bytes = toBytes(path);
  const { ignored, line } = context.verdict(bytes);
  if (ignored && context.unfiltered(bytes) !== undefined) {
    const file = basename(context.ignore.file);
    return new BuildError(
      'not-found',
      `${instruction} ${source}: ${path} is excluded from the build context by ${file}:${String(line)}`,
      {
        hint: `add !${path} to ${file}, or remove line ${String(line)}`,
      },
    );
  }
  const link = context.entry(bytes)?.link;
  if (link !== undefined) {
    return new BuildError(
      'not-found',
      `${instruction} ${source}: ${path} is a link to ${toText(link)}, which is not in the build context`,
      { hint: 'copy the directory that holds the link to copy the link itself' },
    );
  }
  const near = nearPath(context, bytes);
  return new BuildError(
    'not-found',
    `${instruction} ${source}: ${path} is not in the build context`,
    near === undefined
      ? { hint: missingHint(source, context), missing: source }
      : { hint: `did you mean ${near}?` },
  );
}

function missingHint(source: string, context: BuildContext): string {
  if (source.startsWith('-')) return 'flags stand before the sources, and begin with --';
  if (source.split('/').includes('..')) {
    return `nothing above the build context ${context.dir} can be copied: build from a directory above it, with -f`;
  }
  if (source.startsWith('/'))
    return `/ is the build context, ${context.dir}; a file of a stage needs --from`;
  return `the build context is ${context.dir}`;
}

/** A source that is not in the tree of another stage or image. */
export function missingInStage(instruction: string, source: string, tree: SourceTree): BuildError {
  const near = nearPath(tree, toBytes(source.replace(/^\/+/, '')));
  const hint = near === undefined ? { missing: source } : { hint: `did you mean /${near}?` };
  return new BuildError(
    'not-found',
    `${instruction} ${source}: not found in the stage or image it is copied from`,
    hint,
  );
}

/** The nearest name in the deepest directory of the path that exists. */
function nearPath(tree: SourceTree, path: string): string | undefined {
  const parent = path.slice(0, Math.max(0, path.lastIndexOf('/')));
  if (parent !== '' && tree.entry(parent)?.type !== 'directory') return nearPath(tree, parent);
  const names = tree.children(parent).map((child) => toText(child.path));
  return nearest(toText(path), names);
}
