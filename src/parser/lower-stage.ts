import { canonicalDigest } from '../model/canonical.js';
import { DEFAULT_PATH } from '../model/container-defaults.js';
import { BuildError, type SourceRange } from '../model/error.js';
import type { NamedSource, OpSpec, ResolvedImage, Vertex } from '../model/graph.js';
import { nearest } from '../model/nearest.js';
import { type Platform, type RunConfig, withoutNulls } from '../model/oci.js';
import { formatPlatform, normalizePlatform, parsePlatform } from '../model/platform.js';
import { dispatch } from './dispatch.js';
import { Findings } from './findings.js';
import type { GlobalArgs } from './globals.js';
import type { Instruction, ParsedDockerfile } from './instruction.js';
import type { Lint } from './lint/lint.js';
import type { LowerOptions } from './lower-options.js';
import { contextVertex, imageSpec } from './named-context.js';
import { checkNearStage, stageIndex, withNearStage } from './near-stage.js';
import { at, placed } from './placed.js';
import { Problem } from './problem.js';
import { readTrigger } from './read-instruction.js';
import { ownConfig } from './own-config.js';
import type { StageState } from './stage-state.js';
import { type FromInstruction, type Stage, stageNames, type StageNames } from './stages.js';
import { type StageContext, stepTitle } from './step.js';
import { Variables } from './variables.js';
import { expandWord } from './words.js';

/** A file's stages, the ARGs before them, and the rules it is looked at by. */
export interface LoweredFile {
  readonly stages: readonly Stage[];
  readonly globals: GlobalArgs;
  readonly buildArgs: Readonly<Record<string, string>>;
  readonly lint: Lint;
}

/** Lowers the stages that are asked for, each once. */
export class Lowering {
  readonly #dockerfile: ParsedDockerfile;
  readonly #options: LowerOptions;
  readonly #stages: readonly Stage[];
  readonly #names: StageNames;
  readonly #globals: GlobalArgs;
  readonly #buildArgs: Readonly<Record<string, string>>;
  readonly #lint: Lint;
  readonly #findings = new Findings();
  readonly #lowered = new Map<number, Promise<StageState>>();

  constructor(dockerfile: ParsedDockerfile, options: LowerOptions, file: LoweredFile) {
    this.#dockerfile = dockerfile;
    this.#options = options;
    this.#stages = file.stages;
    this.#names = stageNames(file.stages);
    this.#globals = file.globals;
    this.#buildArgs = file.buildArgs;
    this.#lint = file.lint;
  }

  /** Lowers a stage and what it needs, or with the rules for a check every stage; throws all problems at once. */
  target(index: number): Promise<StageState> {
    return this.#findings.during(async () => {
      if (this.#options.lint?.allStages === true) await this.#every();
      return this.stage(index);
    });
  }

  /** Every stage, also past those that fail; throws the failure of the first in the file. */
  async #every(): Promise<void> {
    const ends = await Promise.allSettled(this.#stages.map(({ index }) => this.stage(index)));
    const failed = ends.find((end) => end.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  }

  /** ARGs that triggers of base images declare. */
  readonly triggerArgs = new Set<string>();

  stage(index: number): Promise<StageState> {
    const running = this.#lowered.get(index);
    if (running !== undefined) return running;
    const stage = this.#stages[index];
    if (stage === undefined) throw new Error(`no stage ${String(index)}`);
    // Not at once: a chain of stages may be longer than the stack is deep.
    const started = Promise.resolve().then(() => this.#lower(stage));
    this.#lowered.set(index, started);
    return started;
  }

  async #lower(stage: Stage): Promise<StageState> {
    const abandon = (error: unknown): never => this.#findings.abandon(error);
    const replaced =
      stage.name === undefined
        ? undefined
        : await this.#fromContext(stage.name, stage, this.#options.platform).catch(abandon);
    if (replaced !== undefined) return replaced.state;
    const { state, triggers } = await this.#begin(stage).catch(abandon);
    const context = this.#context(stage);
    const { range } = stage.from;
    for (const trigger of triggers) {
      const body = this.#trigger(trigger, range);
      if (body?.kind === 'arg') for (const { name } of body.args) this.triggerArgs.add(name);
      if (body !== undefined) await this.#dispatch({ ...body, range }, 'ONBUILD ', state, context);
    }
    for (const instruction of stage.body) await this.#dispatch(instruction, '', state, context);
    return state;
  }

  #trigger(trigger: string, range: SourceRange): ReturnType<typeof readTrigger> | undefined {
    try {
      return at(() => readTrigger(trigger), range);
    } catch (error) {
      this.#findings.keep(error);
      return undefined;
    }
  }

  async #dispatch(
    instruction: Instruction,
    prefix: string,
    state: StageState,
    context: StageContext,
  ): Promise<void> {
    try {
      await dispatch(instruction, prefix, state, context);
    } catch (error) {
      const problem = placed(error, instruction.range);
      // What comes after a variable that could not be set would only fail for want of it.
      if (instruction.kind === 'env' || instruction.kind === 'arg') this.#findings.abandon(problem);
      this.#findings.keep(problem);
    }
  }

  #context(stage: Stage): StageContext {
    const outline = this.#options.outline?.stage(stage, this.#dockerfile);
    const { escape } = this.#dockerfile.directives;
    return {
      options: this.#options,
      globals: this.#globals,
      buildArgs: this.#buildArgs,
      noCache: this.#options.noCache || this.#filtered(stage),
      escape,
      lint: this.#lint.stage(),
      ...(outline === undefined ? {} : { outline }),
      source: (from, range) => this.#source(from, stage, range),
      localContext: async (from) => {
        const found = await this.#options.namedContext?.(from, this.#options.platform);
        return found?.kind === 'local' ? found.name : undefined;
      },
    };
  }

  /** FROM knows the ARGs before the first FROM, and nothing else. */
  #blankHint(base: string): string {
    const name = /\$\{?(\w+)/.exec(base)?.[1] ?? 'NAME';
    const names = [...this.#globals.names()];
    if (names.includes(name)) return `give --build-arg ${name}=image, or ARG ${name} a value`;
    const near = nearest(name, names);
    return near === undefined
      ? `put ARG ${name}=image before the first FROM`
      : `did you mean ${near}?`;
  }

  #filtered({ name }: Stage): boolean {
    const filter = this.#options.noCacheFilter ?? [];
    return name !== undefined && filter.some((each) => each.toLowerCase() === name);
  }

  /** FROM: an earlier stage (all its state), scratch, or an image. Gives the ONBUILD triggers to run. */
  async #begin(stage: Stage): Promise<{ state: StageState; triggers: readonly string[] }> {
    const { from } = stage;
    const base = at(() => this.#expand(from.base), from.range);
    if (base.trim() === '') {
      throw new BuildError('syntax', `base name (${from.base}) should not be blank`, {
        range: from.range,
        hint: this.#blankHint(from.base),
      });
    }
    const platform = this.#platform(from);
    const earlier = this.#names.before(base, stage.index);
    const steps = { done: 0, total: this.#countSteps(stage) };
    if (earlier !== undefined) {
      const parent = await this.stage(earlier);
      const triggers = parent.config.OnBuild ?? [];
      const { OnBuild: _cleared, ...config } = parent.config;
      const fresh = {
        position: 0,
        cmdSet: false,
        steps: { ...steps, total: steps.total + countTriggers(triggers) },
      };
      return {
        state: {
          ...parent,
          ...fresh,
          name: this.#title(stage),
          config: ownConfig(config),
          history: [...parent.history],
          env: new Variables(parent.env.list()),
          imageEnv: new Map(parent.imageEnv),
        },
        triggers,
      };
    }
    const named = await this.#fromContext(base, stage, platform);
    if (named !== undefined) return named;
    if (base === 'scratch') return { state: this.#onScratch(stage, platform, steps), triggers: [] };
    const image = await this.#options
      .resolveImage(base, platform, from.range)
      .catch((error: unknown) => {
        throw withNearStage(error, base, this.#stages.slice(0, stage.index));
      });
    return this.#onImage(stage, image, { base, platform });
  }

  /** A stage that is, or begins with, a context of --build-context. */
  async #fromContext(
    name: string,
    stage: Stage,
    platform: Platform,
  ): Promise<{ state: StageState; triggers: readonly string[] } | undefined> {
    const found = await this.#options.namedContext?.(name, platform);
    if (found === undefined) return undefined;
    if (found.kind === 'image') return this.#onImage(stage, found.image, { base: name, platform });
    if (found.kind === 'reference') {
      const { range } = stage.from;
      const image = await this.#options.resolveImage(found.reference, platform, range);
      return this.#onImage(stage, image, { base: name, platform });
    }
    const steps = { done: 0, total: this.#countSteps(stage) };
    const state = this.#onScratch(stage, platform, steps);
    const vertex = this.#contextVertex(found, name, stage);
    state.vertex = vertex;
    if (found.kind !== 'scratch') state.history.push({ createdBy: vertex.name, vertex });
    return { state, triggers: [] };
  }

  #contextVertex(found: NamedSource, name: string, stage: Stage): Vertex {
    return contextVertex(found, name, (op, title) => this.#sourceVertex(op, title, stage));
  }

  #expand(word: string): string {
    return expandWord(word, (name) => this.#globals.get(name), this.#dockerfile.directives.escape);
  }

  /** `--platform`, else the target's. */
  #platform(from: FromInstruction): Platform {
    if (from.platform === undefined) return this.#options.platform;
    const written = from.platform;
    const wanted = at(() => this.#expand(written), from.range);
    if (wanted === '') throw placed(this.#emptyPlatform(written), from.range);
    try {
      return parsePlatform(wanted, this.#options.buildPlatform ?? this.#options.platform);
    } catch (error) {
      throw error instanceof BuildError ? error.at(from.range) : error;
    }
  }

  #emptyPlatform(written: string): Problem {
    const name = /\w+/.exec(written)?.[0] ?? '';
    const near = nearest(name, this.#globals.names());
    const hint =
      near === undefined
        ? 'declare it by an ARG before the first FROM, or write linux/arm64'
        : `did you mean $${near}?`;
    return new Problem(`empty platform value from expression ${written}`, { hint });
  }

  #title(stage: Stage): string {
    if (stage.name !== undefined) return stage.name;
    return this.#stages.length > 1 ? `stage-${String(stage.index)}` : '';
  }

  #countSteps(stage: Stage): number {
    return stage.body.filter(({ kind }) => ['run', 'copy', 'workdir'].includes(kind)).length;
  }

  #onScratch(stage: Stage, platform: Platform, steps: { done: number; total: number }): StageState {
    const vertex = this.#sourceVertex({ kind: 'scratch' }, 'FROM scratch', stage);
    return this.#fresh(stage, vertex, { config: { WorkingDir: '/' }, platform, steps });
  }

  #onImage(
    stage: Stage,
    image: ResolvedImage,
    { base, platform }: { base: string; platform: Platform },
  ): { state: StageState; triggers: readonly string[] } {
    const { OnBuild: triggers = [], ...inherited } = withoutNulls(image.config.config ?? {});
    const steps = { done: 1, total: this.#countSteps(stage) + countTriggers(triggers) + 1 };
    const index = '1'.padStart(String(steps.total).length);
    const title = { name: this.#title(stage), platformTitle: this.#platformTitle(platform), steps };
    const name = `${stepTitle(title, index)} FROM ${image.reference}`;
    const vertex = this.#sourceVertex(imageSpec(image), name, stage);
    const state = this.#fresh(stage, vertex, { config: inherited, platform, steps });
    state.base = image.config;
    state.author = image.config.author;
    state.baseUnknown = image.placeholder === true;
    this.#checkImagePlatform(image, platform, { base, range: stage.from.range });
    return { state, triggers };
  }

  #platformTitle(platform: Platform): string {
    return this.#options.multiPlatform === true ? formatPlatform(platform) : '';
  }

  /** Only a warning: the image may hold nothing that runs, or the machine may emulate. */
  #checkImagePlatform(
    { config, placeholder }: ResolvedImage,
    platform: Platform,
    { base, range }: { base: string; range: SourceRange },
  ): void {
    if (placeholder === true) return;
    if (config.os === platform.os && config.architecture === platform.architecture) return;
    const [actual, expected] = [normalizePlatform(config), platform].map(formatPlatform);
    this.#lint.basePlatform({ base, actual: actual ?? '', expected: expected ?? '' }, range);
  }

  #fresh(
    stage: Stage,
    vertex: Vertex,
    { config, platform, steps }: Pick<StageState, 'platform' | 'steps'> & { config: RunConfig },
  ): StageState {
    const { Env = [], ...rest } = config;
    const imageEnv = new Map(Env.map((entry) => [entry.split('=', 1)[0] ?? '', entry]));
    if (!imageEnv.has('PATH')) imageEnv.set('PATH', `PATH=${DEFAULT_PATH}`);
    const variables = Array.from(imageEnv, ([name, entry]) => {
      return { name, value: entry.slice(name.length + 1), origin: 'ENV' as const };
    });
    return {
      name: this.#title(stage),
      platform,
      platformTitle: this.#platformTitle(platform),
      vertex,
      config: ownConfig(rest),
      author: undefined,
      env: new Variables(variables),
      imageEnv,
      args: [],
      history: [],
      base: undefined,
      position: 0,
      steps,
      cmdSet: false,
      workdirSet: false,
      baseUnknown: false,
    };
  }

  #sourceVertex(op: OpSpec, name: string, stage: Stage): Vertex {
    const { range, text } = stage.from;
    const place = { file: this.#options.place, stage: this.#title(stage), position: 0, text };
    return {
      digest: canonicalDigest(op as never),
      op,
      inputs: [],
      name,
      range,
      place,
      ignoreCache: false,
    };
  }

  /** `COPY --from=`: a stage by name or index, else an image. */
  async #source(from: string, current: Stage, range: SourceRange): Promise<Vertex> {
    const index = stageIndex(from, this.#names, this.#stages.length);
    if (index === current.index) {
      throw new Problem(`circular dependency detected on stage: ${from}`);
    }
    if (index !== undefined && index > current.index) {
      throw new Problem(
        `cannot copy from stage ${JSON.stringify(from)}, it needs to be defined before current stage ${JSON.stringify(current.name ?? String(current.index))}`,
        { hint: `move stage ${from} above line ${String(current.from.range.startLine)}` },
      );
    }
    if (index !== undefined) return (await this.stage(index)).vertex;
    const named = await this.#options.namedContext?.(from, this.#options.platform);
    if (named !== undefined && named.kind !== 'reference')
      return this.#contextVertex(named, from, current);
    if (from.toLowerCase() === 'scratch')
      return this.#sourceVertex({ kind: 'scratch' }, 'scratch', current);
    if (named === undefined) checkNearStage(from, this.#stages.slice(0, current.index));
    const name = named?.reference ?? from;
    const image = await this.#options.resolveImage(name, this.#options.platform, range);
    return this.#sourceVertex(imageSpec(image), `FROM ${image.reference}`, current);
  }
}

function countTriggers(triggers: readonly string[]): number {
  return triggers.filter((trigger) => /^(run|copy|add|workdir)\s/i.test(trigger)).length;
}
