import type { BuildTarget } from '../../model/outline.js';
import type { ParsedDockerfile } from '../instruction.js';
import { throwDiagnostics } from '../diagnostics.js';
import { commentsAbove, descriptionOf } from './comments.js';

/** Every stage of a file; the last is the default. Throws BuildError `syntax` with all problems of the file. */
export function listTargets(dockerfile: ParsedDockerfile): BuildTarget[] {
  throwDiagnostics(dockerfile.diagnostics);
  const froms = dockerfile.instructions.filter((instruction) => instruction.kind === 'from');
  return froms.map(({ stage, base, platform, range }, index) => ({
    name: stage ?? '',
    isDefault: index === froms.length - 1,
    description: descriptionOf(commentsAbove(dockerfile, range), stage),
    base,
    ...(platform === undefined ? {} : { platform }),
    range,
  }));
}
