import type { BuildPlan, Vertex } from '../model/graph.js';
import { nearest } from '../model/nearest.js';
import type { Platform } from '../model/oci.js';
import { normalizePlatform } from '../model/platform.js';
import { checkBuildArgs, warnOfUnusedArgs } from './build-args.js';
import { throwDiagnostics } from './diagnostics.js';
import { resolveEpoch } from './epoch.js';
import { finalConfig } from './final-config.js';
import type { ParsedDockerfile } from './instruction.js';
import { warnOfInvisible } from './invisible.js';
import { Lint } from './lint/lint.js';
import type { LowerOptions } from './lower-options.js';
import { Lowering } from './lower-stage.js';
import { at } from './placed.js';
import type { StageState } from './stage-state.js';
import { findTarget, readStages, type Stage } from './stages.js';
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
  warnOfInvisible(dockerfile, options);
  checkSyntax(dockerfile, options.buildArgs);
  checkBuildArgs(options.buildArgs);
  throwDiagnostics(dockerfile.diagnostics);
  const { stages, globals } = at(() => readStages(dockerfile, options));
  lint.froms(stages, globals);
  const target = findTarget(stages, options.target, dockerfile.file);
  const { escape } = dockerfile.directives;
  const resolved = await resolveEpoch({ options, stages, globals, escape });
  const lowering = new Lowering(dockerfile, options, { ...resolved, stages, lint });
  const state = await lowering.target(target.index);
  lint.throwViolations();
  options.outline?.finish(dockerfile, target, globals);
  warnOfUnusedArgs(dockerfile, options, lowering.triggerArgs);
  warnOfUnknownStages(stages, options);
  return {
    target: state.vertex,
    vertices: reach(state.vertex),
    config: {
      ...(state.author === undefined ? {} : { author: state.author }),
      ...finalPlatform(state, options),
      config: finalConfig({ ...state.config, Env: [...state.imageEnv.values()] }, options.labels),
    },
    ...(state.base === undefined ? {} : { base: state.base }),
    history: state.history,
    targetName: target.name ?? 'default',
    ...(resolved.epoch === undefined ? {} : { epoch: resolved.epoch }),
  };
}

/** `ARG constructor` asks for no method of ours. */
function withoutPrototype(args: Readonly<Record<string, string>>): Record<string, string> {
  return Object.assign(Object.create(null) as Record<string, string>, args);
}

/** The target's platform; what it leaves open is the base's when they agree on the rest. */
function finalPlatform(
  { base }: StageState,
  { platform, implicitPlatform = false }: LowerOptions,
): Platform {
  // What is in the image runs where its base does.
  const target = implicitPlatform && base !== undefined ? base : platform;
  const same = base?.os === target.os && base.architecture === target.architecture;
  const inherited = same ? base : undefined;
  const variant = target.variant ?? inherited?.variant;
  const version = target['os.version'] ?? inherited?.['os.version'];
  const features = inherited?.['os.features'];
  return normalizePlatform({
    architecture: target.architecture,
    os: target.os,
    ...(variant === undefined || variant === '' ? {} : { variant }),
    ...(version === undefined ? {} : { 'os.version': version }),
    ...(features === undefined ? {} : { 'os.features': features }),
  });
}

function warnOfUnknownStages(
  stages: readonly Stage[],
  { noCacheFilter = [], warn }: LowerOptions,
): void {
  const names = stages.map(({ name }) => name).filter((name) => name !== undefined);
  for (const wanted of noCacheFilter) {
    if (names.includes(wanted.toLowerCase())) continue;
    const near = nearest(wanted, names);
    const hint = near === undefined ? '' : `; did you mean ${near}?`;
    warn?.({ message: `--no-cache-filter ${wanted}: no stage has this name${hint}` });
  }
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
