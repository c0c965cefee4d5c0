import { BuildError } from '../model/error.js';
import type { BuildPlan, Vertex } from '../model/graph.js';
import type { RunConfig } from '../model/oci.js';
import type { ParsedDockerfile } from './instruction.js';
import type { LowerOptions } from './lower-options.js';
import { Lowering } from './lower-stage.js';
import { at } from './placed.js';
import type { MutableConfig } from './stage-state.js';
import { findTarget, readStages } from './stages.js';

/**
 * Makes the build plan for one target. Only what the target reaches is looked at: a stage is lowered when FROM or
 * `--from` asks for it, also when an ONBUILD trigger of a base image does. Throws BuildError `syntax` with all
 * problems of the file, or with the first that lowering meets.
 */
export async function lower(
  dockerfile: ParsedDockerfile,
  options: LowerOptions,
): Promise<BuildPlan> {
  throwDiagnostics(dockerfile);
  const { stages, globals } = at(() => readStages(dockerfile, options));
  const target = findTarget(stages, options.target, dockerfile.file);
  const lowering = new Lowering(dockerfile, options, stages, globals);
  const state = await lowering.stage(target.index);
  const config = finalConfig(state.config, options.labels);
  const { platform } = options;
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

function throwDiagnostics({ diagnostics }: ParsedDockerfile): void {
  const [first, ...more] = diagnostics;
  if (first === undefined) return;
  const details = more.map(({ message, range, hint }) => {
    const place = `${range.file}:${String(range.startLine)}: ${message}`;
    return hint === undefined ? place : `${place} (${hint})`;
  });
  throw new BuildError(first.code, first.message, {
    range: first.range,
    details,
    ...(first.hint === undefined ? {} : { hint: first.hint }),
  });
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
