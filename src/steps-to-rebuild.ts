import type { Digest } from './model/digest.js';
import { BuildError } from './model/error.js';
import type { Vertex } from './model/graph.js';
import { nearest } from './model/nearest.js';
import { selectSteps } from './model/select-steps.js';

/**
 * The steps `--rebuild` names. Each name must mean one instruction; that runs again for every platform. Throws BuildError
 * `not-found` for none, `usage` for several, or for FROM.
 */
export function stepsToRebuild(
  wanted: readonly string[],
  vertices: readonly Vertex[],
): ReadonlySet<Digest> {
  return new Set(wanted.flatMap((each) => stepsOf(each, vertices)));
}

function stepsOf(wanted: string, vertices: readonly Vertex[]): readonly Digest[] {
  const chosen = selectSteps(wanted, vertices);
  const [first] = chosen;
  if (first === undefined) throw unknown(wanted, vertices);
  const lines = new Map(chosen.map((vertex) => [vertex.range.startLine, vertex.name]));
  if (lines.size > 1) throw several(wanted, [...lines.values()]);
  const own = vertices.filter(({ range }) => range.startLine === first.range.startLine);
  const run = own.filter(({ op }) => op.kind !== 'image' && op.kind !== 'scratch');
  if (run.length > 0) return run.map(({ digest }) => digest);
  throw new BuildError('usage', `--rebuild ${wanted}: ${first.name} is no step that runs`, {
    hint: '--pull asks the registry for base images again',
  });
}

function unknown(wanted: string, vertices: readonly Vertex[]): BuildError {
  const names = vertices.map(({ name }) => name);
  const texts = names.map((name) => name.replace(/^\[[^\]]*\] */, ''));
  const brackets = names.flatMap((name) => /^\[([^\]]*)\]/.exec(name)?.[1] ?? []);
  const near = nearest(wanted, [...texts, ...brackets, ...names]);
  return new BuildError('not-found', `--rebuild ${wanted}: no step of this build is called that`, {
    hint:
      near === undefined
        ? `it is named by what stands in the brackets of its title, or a part of its text: ${names.at(-1) ?? ''}`
        : `did you mean ${JSON.stringify(near)}?`,
  });
}

function several(wanted: string, names: readonly string[]): BuildError {
  return new BuildError('usage', `--rebuild ${wanted} means several steps`, {
    details: names.map((name) => `  ${name}`),
    hint: 'write more of the one, or what stands in its brackets',
  });
}
