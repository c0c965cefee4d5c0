import { canonicalDigest } from '../model/canonical.js';
import { type SourceRange, unreachable } from '../model/error.js';
import type { EnvVar, ExecSpec, OpSpec, Vertex } from '../model/graph.js';
import type { Healthcheck } from '../model/oci.js';
import { exposedPorts } from './ports.js';
import type { GlobalArgs } from './globals.js';
import type { ArgDeclaration, CopyBody, Form, Instruction, Pair } from './instruction.js';
import type { LowerOptions } from './lower-options.js';
import { Problem } from './problem.js';
import { absolute, setConfigEnv, setVariable, type StageState } from './stage-state.js';
import { checkSignal } from './signals.js';
import { expandWord, expandWords } from './words.js';

/** What an instruction may ask beyond its stage. */
export interface StageContext {
  readonly options: LowerOptions;
  readonly globals: GlobalArgs;
  readonly escape: string;
  /** The last vertex of a stage, or an image's, for `--from`. */
  readonly source: (from: string, range: SourceRange) => Promise<Vertex>;
}

const PROXIES = ['http_proxy', 'https_proxy', 'ftp_proxy', 'no_proxy', 'all_proxy'];

/** Applies one instruction to its stage. Throws Problem for what cannot be. */
export async function dispatch(
  instruction: Instruction,
  prefix: string,
  state: StageState,
  context: StageContext,
): Promise<void> {
  // All expansions of one instruction see the variables from before it.
  const before = state.env;
  const lookup = (name: string): string | undefined =>
    before.findLast((v) => v.name === name)?.value;
  const expand = (word: string): string => expandWord(word, lookup, context.escape);
  const step: Step = { instruction, prefix, state, context, lookup, expand };
  if (instruction.kind === 'copy') await copy(instruction, step);
  else apply(instruction, step);
}

function apply(instruction: Exclude<Instruction, { kind: 'copy' }>, step: Step): void {
  const { state, context, lookup, expand } = step;
  switch (instruction.kind) {
    case 'run':
      addVertex(step, execSpec(instruction.form, instruction.network, state, context), []);
      return remember(step, `RUN ${runText(instruction.form, state)} # buildkit`, true);
    case 'workdir':
      return workdir(expand(instruction.path), step);
    case 'env':
      return environment(instruction.pairs, step);
    case 'label':
      return label(instruction.pairs, step);
    case 'arg':
      return declare(instruction.args, step);
    case 'expose': {
      const words = instruction.ports.flatMap((port) => expandWords(port, lookup, context.escape));
      return expose(exposedPorts(words), step);
    }
    case 'volume':
      return volume(instruction.paths.map(expand), step);
    case 'user':
    case 'stopsignal':
    case 'maintainer':
    case 'shell':
    case 'onbuild':
      return simple(instruction, step);
    case 'cmd':
    case 'entrypoint':
      return command(instruction.kind, instruction.form, step);
    case 'healthcheck':
      return healthcheck(instruction.form, instruction.options, step);
    case 'from':
      throw new Error('FROM begins a stage');
    default:
      unreachable(instruction);
  }
}

interface Step {
  readonly instruction: Instruction;
  readonly prefix: string;
  readonly state: StageState;
  readonly context: StageContext;
  readonly lookup: (name: string) => string | undefined;
  readonly expand: (word: string) => string;
}

function remember({ state }: Step, createdBy: string, layer = false): void {
  state.history = [...state.history, layer ? { createdBy, vertex: state.vertex } : { createdBy }];
}

function addVertex(
  { instruction, prefix, state, context }: Step,
  op: OpSpec,
  sources: readonly Vertex[],
): void {
  const inputs = [state.vertex, ...sources];
  const { steps } = state;
  const index = String(++steps.done).padStart(String(steps.total).length);
  const title = `[${state.name === '' ? '' : `${state.name} `}${index}/${String(steps.total)}]`;
  const ignoreCache = context.options.noCache && op.kind !== 'mkdir';
  const digests = inputs.map((input) => input.digest);
  state.vertex = {
    // Specs are plain data, as canonicalDigest wants.
    digest: canonicalDigest({ op: op as never, inputs: digests, ignoreCache }),
    op,
    inputs,
    name: `${title} ${prefix}${instruction.text}`,
    range: instruction.range,
    place: {
      file: context.options.place,
      stage: state.name,
      position: state.position,
      text: instruction.text,
    },
    ignoreCache,
  };
  state.position++;
}

function shellOf(state: StageState): readonly string[] {
  const shell = state.config.Shell;
  return shell !== undefined && shell.length > 0 ? shell : ['/bin/sh', '-c'];
}

function argvOf(form: Form, state: StageState): readonly string[] {
  return form.json ? form.args : [...shellOf(state), form.text];
}

function execSpec(
  form: Form,
  network: ExecSpec['network'] | undefined,
  state: StageState,
  { options }: StageContext,
): ExecSpec {
  return {
    kind: 'exec',
    args: argvOf(form, state),
    env: withProxies(state.env, options.buildArgs),
    cwd:
      state.config.WorkingDir === undefined || state.config.WorkingDir === ''
        ? '/'
        : state.config.WorkingDir,
    user: state.config.User ?? '',
    network: network ?? options.network,
    platform: options.platform,
  };
}

/** Proxy build arguments reach RUN in both cases without a declaration; lower case wins. */
function withProxies(
  env: readonly EnvVar[],
  buildArgs: Readonly<Record<string, string>>,
): readonly EnvVar[] {
  const known = new Set(env.map(({ name }) => name));
  const proxies = PROXIES.flatMap((name) => {
    const value = buildArgs[name] ?? buildArgs[name.toUpperCase()];
    if (value === undefined) return [];
    return [name.toUpperCase(), name].map((each) => ({
      name: each,
      value,
      origin: 'proxy' as const,
    }));
  });
  return [...env, ...proxies.filter(({ name }) => !known.has(name))];
}

/** `|2 A=1 B=2 /bin/sh -c cmd`: the ARGs in scope with their values now, then argv (BuildKit's history form). */
function runText(form: Form, state: StageState): string {
  const args = state.args
    .map(({ name, value }) => [
      name,
      state.env.findLast((v) => v.name === name)?.value ?? value ?? '',
    ])
    .map(([name, value]) => `${name ?? ''}=${value ?? ''}`);
  const head = args.length === 0 ? [] : [`|${String(args.length)}`, ...args];
  return [...head, ...argvOf(form, state)].join(' ');
}

async function copy(body: CopyBody & Instruction, step: Step): Promise<void> {
  const { state, context, expand } = step;
  const sources = body.sources.map(expand);
  const written = expand(body.dest);
  const chown = body.chown === undefined ? undefined : expand(body.chown);
  const chmod = body.chmod === undefined ? undefined : expand(body.chmod);
  const from = body.from === undefined ? [] : [await context.source(body.from, body.range)];
  const op: OpSpec = {
    kind: 'copy',
    instruction: body.instruction,
    from: body.from === undefined ? 'context' : 'input',
    sources,
    dest: destination(written, state),
    ...(chown === undefined || chown === '' ? {} : { chown }),
    ...(chmod === undefined || chmod === '' ? {} : { chmod }),
    unpack: body.instruction === 'ADD',
  };
  addVertex(step, op, from);
  const flags = [
    chown === undefined ? '' : `--chown=${chown} `,
    chmod === undefined ? '' : `--chmod=${chmod} `,
  ].join('');
  remember(step, `${body.instruction} ${flags}${sources.join(' ')} ${written} # buildkit`, true);
}

/** A trailing `/` or `/.` means directory, and an empty destination is `./`. */
function destination(written: string, state: StageState): string {
  const path = absolute(written, state.config.WorkingDir);
  const directory = written === '' || written === '.' || /(^|\/)\.?$/.test(written);
  return directory && path !== '/' ? `${path}/` : path;
}

function workdir(path: string, step: Step): void {
  const { state } = step;
  const full = absolute(path, state.config.WorkingDir);
  state.config.WorkingDir = full;
  if (full !== '/')
    addVertex(step, { kind: 'mkdir', path: full, user: state.config.User ?? '' }, []);
  else state.steps.done++;
  remember(step, `WORKDIR ${full}`, full !== '/');
}

function environment(pairs: readonly Pair[], step: Step): void {
  const { state, expand } = step;
  const expanded = pairs.map(([name, value]) => [expand(name), expand(value)] as const);
  for (const [name, value] of expanded) {
    state.env = setVariable(state.env, name, value, 'ENV');
    state.config.Env = setConfigEnv(state.config.Env, name, value);
  }
  remember(step, `ENV ${expanded.map(([name, value]) => `${name}=${value}`).join(' ')}`);
}

function label(pairs: readonly Pair[], step: Step): void {
  const { state, expand } = step;
  const expanded = pairs.map(([name, value]) => [expand(name), expand(value)] as const);
  state.config.Labels = { ...state.config.Labels, ...Object.fromEntries(expanded) };
  remember(step, `LABEL ${expanded.map(([name, value]) => `${name}=${value}`).join(' ')}`);
}

/** Pairs of one ARG are taken left to right: later defaults see earlier values. */
function declare(args: readonly ArgDeclaration[], step: Step): void {
  const { state, context } = step;
  const shown: string[] = [];
  for (const { name, value } of args) {
    const lookup = (key: string): string | undefined =>
      state.env.findLast((v) => v.name === key)?.value;
    const own = value === undefined ? undefined : () => expandWord(value, lookup, context.escape);
    // The history names what was given here, not what a global ARG adds.
    const said = context.options.buildArgs[name] ?? own?.();
    const now = said ?? context.globals.get(name);
    if (now !== undefined) state.env = setVariable(state.env, name, now, 'ARG');
    const known = state.args.filter((arg) => arg.name !== name);
    const declared = now === undefined ? { name } : { name, value: now };
    const at = state.args.findIndex((arg) => arg.name === name);
    state.args = at === -1 ? [...known, declared] : state.args.with(at, declared);
    shown.push(said === undefined ? name : `${name}=${said}`);
  }
  remember(step, `ARG ${shown.join(' ')}`);
}

function expose(ports: readonly string[], step: Step): void {
  const { config } = step.state;
  config.ExposedPorts = { ...config.ExposedPorts, ...asSet(ports) };
  remember(step, `EXPOSE [${ports.join(' ')}]`);
}

function volume(paths: readonly string[], step: Step): void {
  const { config } = step.state;
  if (paths.some((path) => path === ''))
    throw new Problem('VOLUME specified can not be an empty string');
  config.Volumes = { ...config.Volumes, ...asSet(paths) };
  remember(step, `VOLUME [${paths.join(' ')}]`);
}

function asSet(names: readonly string[]): Record<string, Record<string, never>> {
  return Object.fromEntries(names.map((name) => [name, {}]));
}

type Simple = Extract<
  Instruction,
  { kind: 'user' | 'stopsignal' | 'maintainer' | 'shell' | 'onbuild' }
>;

function simple(instruction: Simple, step: Step): void {
  const { state, expand } = step;
  switch (instruction.kind) {
    case 'user':
      state.config.User = expand(instruction.user);
      return remember(step, `USER ${state.config.User}`);
    case 'stopsignal':
      state.config.StopSignal = checkSignal(expand(instruction.signal));
      return remember(step, `STOPSIGNAL ${state.config.StopSignal}`);
    case 'maintainer':
      state.author = instruction.author;
      return remember(step, `MAINTAINER ${instruction.author}`);
    case 'shell':
      state.config.Shell = instruction.shell;
      return remember(step, `SHELL [${instruction.shell.join(' ')}]`);
    case 'onbuild':
      state.config.OnBuild = [...(state.config.OnBuild ?? []), instruction.trigger];
      // BuildKit's history does not mention it: the config does.
      return;
    default:
      unreachable(instruction);
  }
}

/** ENTRYPOINT clears a CMD it inherited, not one of its own stage. `[]` clears. */
function command(kind: 'cmd' | 'entrypoint', form: Form, step: Step): void {
  const { state } = step;
  const args = argvOf(form, state);
  const quoted = `[${args.map((arg) => JSON.stringify(arg)).join(' ')}]`;
  if (kind === 'cmd') {
    state.config.Cmd = args;
    state.config.ArgsEscaped = true;
    state.cmdSet = true;
    return remember(step, `CMD ${quoted}`);
  }
  state.config.Entrypoint = args.length === 0 ? null : args;
  if (!state.cmdSet) state.config.Cmd = null;
  remember(step, `ENTRYPOINT ${quoted}`);
}

function healthcheck(form: Form | undefined, options: Omit<Healthcheck, 'Test'>, step: Step): void {
  const { state } = step;
  state.config.Healthcheck = { Test: testOf(form), ...options };
  remember(step, `HEALTHCHECK ${healthText(state.config.Healthcheck)}`);
}

function testOf(form: Form | undefined): readonly string[] {
  if (form === undefined) return ['NONE'];
  return form.json ? ['CMD', ...form.args] : ['CMD-SHELL', form.text];
}

/** Go's `%q` of docker's struct, as BuildKit's history has it. */
function healthText(check: Healthcheck): string {
  const test = `[${(check.Test ?? []).map((arg) => JSON.stringify(arg)).join(' ')}]`;
  const times = [check.Interval, check.Timeout, check.StartPeriod].map((ns) =>
    JSON.stringify(goDuration(ns ?? 0)),
  );
  return `&{${test} ${times.join(' ')} ${goRune(check.Retries ?? 0)}}`;
}

function goRune(value: number): string {
  return `'\\x${value.toString(16).padStart(2, '0')}'`;
}

/** time.Duration.String for whole milliseconds. */
function goDuration(ns: number): string {
  if (ns === 0) return '0s';
  if (ns < 1e9) return `${String(ns / 1e6)}ms`;
  const seconds = ns / 1e9;
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor((seconds % 3600) / 60), seconds % 60];
  const head = h > 0 ? `${String(h)}h${String(m)}m` : m > 0 ? `${String(m)}m` : '';
  return `${head}${String(s)}s`;
}
