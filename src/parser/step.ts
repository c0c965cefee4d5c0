import { canonicalDigest } from '../model/canonical.js';
import type { SourceRange } from '../model/error.js';
import type { OpSpec, Vertex } from '../model/graph.js';
import { redactUrls } from '../model/redact-urls.js';
import type { GlobalArgs } from './globals.js';
import type { Form, Instruction } from './instruction.js';
import type { StageOutline } from './lint/outline.js';
import type { StageLint } from './lint/stage-lint.js';
import type { LowerOptions } from './lower-options.js';
import type { StageState } from './stage-state.js';
import { expandTitle, type Lookup } from './words.js';

/** What an instruction may ask beyond its stage. */
export interface StageContext {
  readonly options: LowerOptions;
  readonly globals: GlobalArgs;
  /** As given, but for SOURCE_DATE_EPOCH, which has become a number or is gone. */
  readonly buildArgs: Readonly<Record<string, string>>;
  /** --no-cache, or --no-cache-filter with this stage's name. */
  readonly noCache: boolean;
  readonly escape: string;
  readonly lint: StageLint;
  readonly outline?: StageOutline;
  /** The last vertex of a stage, or an image's, for `--from`. */
  readonly source: (from: string, range: SourceRange) => Promise<Vertex>;
  /** The named context that `--from` means, when it is a directory: it is copied from in place. */
  readonly localContext: (from: string) => Promise<string | undefined>;
}

/** One instruction at work on its stage. */
export interface Step {
  readonly instruction: Instruction;
  readonly prefix: string;
  readonly state: StageState;
  readonly context: StageContext;
  readonly lookup: Lookup;
  /** The same, without telling the lint rules. */
  readonly plain: Lookup;
  readonly expand: (word: string) => string;
}

/** The history entry of an instruction; `layer` says that its vertex made one. */
export function remember({ state }: Step, text: string, layer = false): void {
  const createdBy = redactUrls(text);
  state.history.push(layer ? { createdBy, vertex: state.vertex } : { createdBy });
}

/** Puts a step on top of the stage; `note` ends its title. */
export function addVertex(step: Step, op: OpSpec, sources: readonly Vertex[], note = ''): void {
  const name = `${nextTitle(step.state)} ${titleText(step, note)}`;
  step.state.vertex = makeVertex(step, op, { name, inputs: [step.state.vertex, ...sources] });
}

/** A copy that stands beside the stage, and its merge, as one step of the stage. */
export function linkVertex(step: Step, copy: OpSpec, inputs: readonly Vertex[]): void {
  const { state } = step;
  const [title, text] = [nextTitle(state), titleText(step, '')];
  const linked = makeVertex(step, copy, { name: `${title} ${text}`, inputs });
  const name = `${title} LINK ${text}`;
  state.vertex = makeVertex(step, { kind: 'merge' }, { name, inputs: [state.vertex, linked] });
}

function titleText({ instruction, prefix, context, plain }: Step, note: string): string {
  return redactUrls(`${prefix}${expandTitle(instruction.text + note, plain, context.escape)}`);
}

function nextTitle(state: StageState): string {
  const { steps } = state;
  const index = String(++steps.done).padStart(String(steps.total).length);
  return stepTitle(state, index);
}

function makeVertex(
  { instruction, state, context }: Step,
  op: OpSpec,
  { name, inputs }: Pick<Vertex, 'name' | 'inputs'>,
): Vertex {
  const ignoreCache = context.noCache && op.kind !== 'mkdir';
  const digests = inputs.map((input) => input.digest);
  const text = op.kind === 'merge' ? `LINK ${instruction.text}` : instruction.text;
  return {
    // Specs are plain data, as canonicalDigest wants.
    digest: canonicalDigest({ op: op as never, inputs: digests, ignoreCache }),
    op,
    inputs,
    name,
    range: instruction.range,
    place: {
      file: context.options.place,
      stage: [state.platformTitle, state.name].filter((word) => word !== '').join(' '),
      position: state.position++,
      text,
    },
    ignoreCache,
  };
}

/** `[linux/amd64 stage 2/5]`: the platform when several are built. */
export function stepTitle(
  { name, platformTitle, steps }: Pick<StageState, 'name' | 'platformTitle' | 'steps'>,
  index: string,
): string {
  const words = [platformTitle, name, `${index}/${String(steps.total)}`];
  return `[${words.filter((word) => word !== '').join(' ')}]`;
}

function shellOf(state: StageState): readonly string[] {
  const shell = state.config.Shell;
  return shell !== undefined && shell.length > 0 ? shell : ['/bin/sh', '-c'];
}

/** The argv of a form: shell form gets the SHELL before it. */
export function argvOf(form: Form, state: StageState): readonly string[] {
  return form.json ? form.args : [...shellOf(state), form.text];
}
