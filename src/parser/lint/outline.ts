import type { SourceRange } from '../../model/error.js';
import type { Outline, OutlineArg, OutlineMount } from '../../model/outline.js';
import type { GlobalArgs } from '../globals.js';
import type { Instruction, ParsedDockerfile } from '../instruction.js';
import { Problem } from '../problem.js';
import type { StageState } from '../stage-state.js';
import { expandWord } from '../words.js';
import { commentsAbove, descriptionOf } from './comments.js';
import { mountsOf } from './outline-mounts.js';
import { recordLookups } from './recorder.js';

interface OutlinedStage {
  readonly index: number;
  readonly name: string | undefined;
  readonly from: Extract<Instruction, { kind: 'from' }>;
}

/** An instruction and its stage after it. */
interface AppliedStep {
  readonly instruction: Instruction;
  readonly state: StageState;
  readonly expand: (word: string) => string;
  readonly context: {
    readonly globals: GlobalArgs;
    readonly options: { readonly buildArgs: Readonly<Record<string, string>> };
  };
}

/** What one stage uses of its parameters. */
export class StageOutline {
  readonly used = new Set<string>();
  readonly own = new Map<string, OutlineArg>();
  readonly secrets: OutlineMount[] = [];
  readonly ssh: OutlineMount[] = [];
  readonly cache: OutlineMount[] = [];
  readonly #dockerfile: ParsedDockerfile;

  constructor(dockerfile: ParsedDockerfile) {
    this.#dockerfile = dockerfile;
  }

  /** After an instruction was applied to its stage. */
  after({ instruction, state, context, expand }: AppliedStep): void {
    const { range } = instruction;
    if (instruction.kind === 'run') {
      const mounts = mountsOf(instruction.text, expand);
      const placed = (type: string): OutlineMount[] =>
        mounts.filter((mount) => mount.type === type).map((mount) => ({ ...mount.shown, range }));
      this.secrets.push(...placed('secret'));
      this.ssh.push(...placed('ssh'));
      this.cache.push(...placed('cache'));
    }
    if (instruction.kind !== 'arg') return;
    const comments = commentsAbove(this.#dockerfile, range);
    for (const { name, value } of instruction.args) {
      this.used.add(name);
      const given = value !== undefined || context.options.buildArgs[name] !== undefined;
      // Only taken over: its declaration is the global one.
      if (!given && context.globals.get(name) !== undefined) continue;
      const now = state.env.get(name) ?? '';
      const description = descriptionOf(comments, name);
      this.own.set(name, { name, value: now, description, range });
    }
  }
}

/** Gathers what the stages a target reaches use, while they are lowered. */
export class OutlineCapture {
  readonly #stages = new Map<OutlinedStage, StageOutline>();
  #outline: Outline | undefined;

  get outline(): Outline {
    if (this.#outline === undefined) throw new Error('nothing was lowered');
    return this.#outline;
  }

  stage(stage: OutlinedStage, dockerfile: ParsedDockerfile): StageOutline {
    const outline = new StageOutline(dockerfile);
    this.#stages.set(stage, outline);
    return outline;
  }

  /** When all is lowered. Of each name the declaration nearest to the target counts. */
  finish(dockerfile: ParsedDockerfile, target: OutlinedStage, globals: GlobalArgs): void {
    const args = new Map<string, OutlineArg>();
    const byNearness = [...this.#stages].sort(([a], [b]) => rank(b, target) - rank(a, target));
    for (const [stage, outline] of byNearness) {
      const used = new Set([...fromNames(stage, dockerfile, globals), ...outline.used]);
      for (const name of withDependencies(used, globals)) {
        const arg = outline.own.get(name) ?? globalArg(name, dockerfile, globals);
        if (arg !== undefined && !args.has(name)) args.set(name, arg);
      }
    }
    const outlines = byNearness.map(([, outline]) => outline);
    const comments = commentsAbove(dockerfile, target.from.range);
    this.#outline = {
      name: target.name ?? '',
      description: descriptionOf(comments, target.name),
      args: [...args.values()].sort(byLine),
      secrets: distinct(outlines.flatMap(({ secrets }) => secrets)),
      ssh: distinct(outlines.flatMap(({ ssh }) => ssh)),
      cache: distinct(outlines.flatMap(({ cache }) => cache)),
    };
  }
}

function rank(stage: OutlinedStage, target: OutlinedStage): number {
  return stage === target ? Infinity : stage.index;
}

function fromNames(
  stage: OutlinedStage,
  dockerfile: ParsedDockerfile,
  globals: GlobalArgs,
): Set<string> {
  const recorder = recordLookups((name) => globals.get(name));
  for (const word of [stage.from.base, stage.from.platform ?? '']) {
    try {
      expandWord(word, recorder.lookup, dockerfile.directives.escape);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
    }
  }
  return new Set(recorder.matched);
}

/** Global ARGs whose default a used one is made of are used too. */
function withDependencies(used: ReadonlySet<string>, globals: GlobalArgs): Set<string> {
  const all = new Set(used);
  for (const name of all)
    for (const other of globals.declared.get(name)?.uses ?? []) all.add(other);
  return all;
}

function globalArg(
  name: string,
  dockerfile: ParsedDockerfile,
  { declared, get }: GlobalArgs,
): OutlineArg | undefined {
  const found = declared.get(name);
  if (found === undefined) return undefined;
  const description = descriptionOf(commentsAbove(dockerfile, found.range), name);
  return { name, value: get(name) ?? '', description, range: found.range };
}

function byLine(a: { range: SourceRange }, b: { range: SourceRange }): number {
  return a.range.startLine - b.range.startLine;
}

function distinct(mounts: readonly OutlineMount[]): OutlineMount[] {
  const first = new Map<string, OutlineMount>();
  for (const mount of [...mounts].sort(byLine)) {
    const known = first.get(mount.name);
    const required = mount.required || known?.required === true;
    first.set(mount.name, { ...(known ?? mount), required });
  }
  return [...first.values()];
}
