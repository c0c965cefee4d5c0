import { unreachable } from '../model/error.js';
import type { Healthcheck } from '../model/oci.js';
import { goQuote } from './go-quote.js';
import { healthText } from './health-text.js';
import type { ArgDeclaration, Form, Instruction, Pair } from './instruction.js';
import { addTo } from './own-config.js';
import { Problem } from './problem.js';
import { checkSignal } from './signals.js';
import { argvOf, remember, type Step } from './step.js';
import { exposedPorts } from './ports.js';
import { expandWord, expandWords } from './words.js';

type ConfigInstruction = Exclude<Instruction, { kind: 'copy' | 'run' | 'workdir' | 'from' }>;

/** An instruction that only changes the image config (and what the next ones see). */
export function dispatchConfig(instruction: ConfigInstruction, step: Step): void {
  const { context, lookup, expand } = step;
  switch (instruction.kind) {
    case 'env':
      return environment(instruction.pairs, step);
    case 'label':
      return label(instruction.pairs, step);
    case 'arg':
      return declare(instruction.args, step);
    case 'expose': {
      const written = [...instruction.ports].sort();
      const words = written.flatMap((port) => expandWords(port, lookup, context.escape));
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
    default:
      unreachable(instruction);
  }
}

function environment(pairs: readonly Pair[], step: Step): void {
  const { state, expand } = step;
  const expanded = pairs.map(([name, value]) => [expand(name), expand(value)] as const);
  for (const [name, value] of expanded) {
    state.env.set(name, value, 'ENV');
    state.imageEnv.set(name, `${name}=${value}`);
  }
  remember(step, `ENV ${expanded.map(([name, value]) => `${name}=${value}`).join(' ')}`);
}

function label(pairs: readonly Pair[], step: Step): void {
  const { state, expand } = step;
  const expanded = pairs.map(([name, value]) => [expand(name), expand(value)] as const);
  state.config.Labels = addTo(state.config.Labels, Object.fromEntries(expanded));
  remember(step, `LABEL ${expanded.map(([name, value]) => `${name}=${value}`).join(' ')}`);
}

/** They steer the SBOM scanner; a step does not see them. */
const NOT_IN_ENV = new Set(['BUILDKIT_SBOM_SCAN_CONTEXT', 'BUILDKIT_SBOM_SCAN_STAGE']);

/** Pairs of one ARG are taken left to right: later defaults see earlier values. */
function declare(args: readonly ArgDeclaration[], step: Step): void {
  const { state, context } = step;
  const shown: string[] = [];
  for (const { name, value } of args) {
    const lookup = context.lint.watch((key) => state.env.get(key));
    const own = value === undefined ? undefined : () => expandWord(value, lookup, context.escape);
    // A build argument's default is not even evaluated; a global ARG's value is for those without a default.
    const now = context.buildArgs[name] ?? own?.() ?? context.globals.get(name);
    if (now !== undefined && !NOT_IN_ENV.has(name)) state.env.set(name, now, 'ARG');
    const known = state.args.filter((arg) => arg.name !== name);
    const declared = now === undefined ? { name } : { name, value: now };
    const at = state.args.findIndex((arg) => arg.name === name);
    state.args = at === -1 ? [...known, declared] : state.args.with(at, declared);
    shown.push(now === undefined ? name : `${name}=${now}`);
  }
  remember(step, `ARG ${shown.join(' ')}`);
}

function expose(ports: readonly string[], step: Step): void {
  const { config } = step.state;
  config.ExposedPorts = addTo(config.ExposedPorts, asSet(ports));
  remember(step, `EXPOSE [${ports.join(' ')}]`);
}

function volume(paths: readonly string[], step: Step): void {
  const { config } = step.state;
  if (paths.some((path) => path === ''))
    throw new Problem('VOLUME specified can not be an empty string');
  config.Volumes = addTo(config.Volumes, asSet(paths));
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
  const quoted = `[${args.map(goQuote).join(' ')}]`;
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
