import type { BuildPlan, Vertex } from '../model/graph.js';
import type { RunConfig } from '../model/oci.js';
import { throwDiagnostics } from './diagnostics.js';
import type { ParsedDockerfile } from './instruction.js';
import { Lint } from './lint/lint.js';
import type { LowerOptions } from './lower-options.js';
import { Lowering } from './lower-stage.js';
import { at } from './placed.js';
import type { MutableConfig } from './stage-state.js';
import { findTarget, readStages } from './stages.js';
import { checkSyntax } from './syntax.js';

/**
 * Makes the build plan for one target. Only what the target reaches is looked at: a stage is lowered when FROM or
 * `--from` asks for it, also when an ONBUILD trigger of a base image does. Throws BuildError `syntax` with all
 * problems of the file or, when it can be read, with all that lowering meets.
 */
export async function lower(dockerfile: ParsedDockerfile, given: LowerOptions): Promise<BuildPlan> {
  const options = { ...given, buildArgs: withoutPrototype(given.buildArgs) };
  const lint = new Lint(dockerfile, options);
  lint.file();
  checkSyntax(dockerfile, options.buildArgs);
  throwDiagnostics(dockerfile.diagnostics);
  const { stages, globals } = at(() => readStages(dockerfile, options));
  lint.froms(stages, globals);
  const target = findTarget(stages, options.target, dockerfile.file);
  const lowering = new Lowering(dockerfile, options, { stages, globals, lint });
  const state = await lowering.target(target.index);
  lint.throwViolations();
  options.outline?.finish(dockerfile, target, globals);
  const config = finalConfig(state.config, options.labels);
  // What is in the image runs where its base does.
  const platform = state.base ?? options.platform;
  return {
    target: state.vertex,
    vertices: reach(state.vertex),
    config: {
      ...(state.author === undefined ? {} : { author: state.author }),
      architecture: platform.architecture,
      os: platform.os,
      ...(platform.variant === undefined ? {} : { variant: platform.variant }),
      config,
    },
    ...(state.base === undefined ? {} : { base: state.base }),
    history: state.history,
    targetName: target.name ?? 'default',
  };
}

/** `ARG constructor` asks for no method of ours. */
function withoutPrototype(args: Readonly<Record<string, string>>): Record<string, string> {
  return Object.assign(Object.create(null) as Record<string, string>, args);
}

function finalConfig(config: MutableConfig, labels: Readonly<Record<string, string>>): RunConfig {
  if (Object.keys(labels).length === 0) return config;
  return { ...config, Labels: { ...config.Labels, ...labels } };
}

/** Every vertex below the target, inputs first, each once; without recursion, for a stage may be long. */
function reach(target: Vertex): Vertex[] {
  const found = new Map<string, Vertex>();
  const stack: { vertex: Vertex; next: number }[] = [{ vertex: target, next: 0 }];
  for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
    const input = top.vertex.inputs[top.next++];
    if (input === undefined) {
      found.set(top.vertex.digest, top.vertex);
      stack.pop();
    } else if (!found.has(input.digest)) stack.push({ vertex: input, next: 0 });
  }
  return [...found.values()];
}
