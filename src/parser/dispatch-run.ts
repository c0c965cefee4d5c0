import type { EnvVar, ExecSpec, MountSpec } from '../model/graph.js';
import { dispatchMounts } from './dispatch-mounts.js';
import type { Form, Instruction } from './instruction.js';
import { Problem } from './problem.js';
import { runScript, type ScriptFile, scriptSummary } from './run-script.js';
import type { StageState } from './stage-state.js';
import { addVertex, argvOf, remember, type StageContext, type Step } from './step.js';

const PROXIES = ['http_proxy', 'https_proxy', 'ftp_proxy', 'no_proxy', 'all_proxy'];

type RunInstruction = Extract<Instruction, { kind: 'run' }>;

/** RUN: one exec vertex. */
export async function dispatchRun(instruction: RunInstruction, step: Step): Promise<void> {
  const { state, context } = step;
  const { form, file, summary } = runnable(instruction);
  const { mounts, inputs } = await dispatchMounts(instruction.mounts, step);
  const spec = { ...execSpec({ ...instruction, form }, state, context), mounts };
  const op = file === undefined ? spec : { ...spec, script: file };
  addVertex({ ...step, plain: withoutSecrets(step.plain, mounts) }, op, inputs, summary);
  remember(step, `RUN ${runText(form, state)} # buildkit`, true);
}

/** The title says `****` for the variable of a secret, whatever an ENV of that name holds. */
function withoutSecrets(lookup: Step['plain'], mounts: readonly MountSpec[]): Step['plain'] {
  const names = mounts.flatMap((mount) => (mount.type === 'secret' ? [mount.env] : []));
  return (name) => (names.includes(name) ? '****' : lookup(name));
}

/** With here-documents the shell gets what they come to. */
function runnable({ form, heredocs }: RunInstruction): {
  form: Form;
  file?: ScriptFile;
  summary?: string;
} {
  if (form.json || heredocs.length === 0) return { form };
  const { text, ...file } = runScript(form.text, heredocs);
  return { form: { json: false, text }, ...file, summary: scriptSummary(form.text, heredocs) };
}

function execSpec(
  { form, network, security, devices }: RunInstruction,
  state: StageState,
  { options, buildArgs }: StageContext,
): Omit<ExecSpec, 'mounts'> {
  const hostname = buildArgs['BUILDKIT_SANDBOX_HOSTNAME'];
  return {
    kind: 'exec',
    args: argvOf(form, state),
    env: withProxies(state.env.list(), buildArgs),
    cwd:
      state.config.WorkingDir === undefined || state.config.WorkingDir === ''
        ? '/'
        : state.config.WorkingDir,
    user: state.config.User ?? '',
    network: network ?? options.network,
    security,
    devices,
    platform: state.platform,
    ...(hostname === undefined || hostname === '' ? {} : { hostname: checkedHost(hostname) }),
  };
}

/** It becomes a line of /etc/hosts: nothing but a host name may be in it. */
function checkedHost(wanted: string): string {
  if (/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}$/.test(wanted)) return wanted;
  throw new Problem(`invalid BUILDKIT_SANDBOX_HOSTNAME ${JSON.stringify(wanted)}`, {
    hint: 'a host name has at most 63 letters, digits, dots and hyphens',
  });
}

/** Proxy build arguments, written in any case, reach RUN in two without a declaration; the last in byte order wins. */
function withProxies(
  env: readonly EnvVar[],
  buildArgs: Readonly<Record<string, string>>,
): readonly EnvVar[] {
  const known = new Set(env.map(({ name }) => name));
  const proxies = PROXIES.flatMap((name) => {
    const given = Object.keys(buildArgs).filter((key) => key.toLowerCase() === name);
    const value = buildArgs[given.sort().at(-1) ?? ''];
    if (value === undefined || value === '') return [];
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
    .map(({ name, value }) => [name, state.env.get(name) ?? value ?? ''])
    .map(([name, value]) => `${name ?? ''}=${value ?? ''}`);
  const head = args.length === 0 ? [] : [`|${String(args.length)}`, ...args];
  return [...head, ...argvOf(form, state)].join(' ');
}
