import type { EnvVar, ExecSpec } from '../model/graph.js';
import type { Form, Instruction } from './instruction.js';
import { runScript, type ScriptFile, scriptSummary } from './run-script.js';
import type { StageState } from './stage-state.js';
import { addVertex, argvOf, remember, type StageContext, type Step } from './step.js';

const PROXIES = ['http_proxy', 'https_proxy', 'ftp_proxy', 'no_proxy', 'all_proxy'];

type RunInstruction = Extract<Instruction, { kind: 'run' }>;

/** RUN: one exec vertex. */
export function dispatchRun(instruction: RunInstruction, step: Step): void {
  const { state, context } = step;
  const { form, file, summary } = runnable(instruction);
  const spec = execSpec(form, instruction.network, state, context);
  addVertex(step, file === undefined ? spec : { ...spec, script: file }, [], summary);
  remember(step, `RUN ${runText(form, state)} # buildkit`, true);
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
  form: Form,
  network: ExecSpec['network'] | undefined,
  state: StageState,
  { options, buildArgs }: StageContext,
): ExecSpec {
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
    platform: state.platform,
    ...(hostname === undefined || hostname === '' ? {} : { hostname }),
  };
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
