import type { RunConfig } from '../model/oci.js';
import { BuildError } from '../model/error.js';
import { dispatchConfig } from './dispatch-config.js';
import type { Instruction } from './instruction.js';
import type { LowerOptions } from './lower-options.js';
import { at } from './placed.js';
import { Problem } from './problem.js';
import { readText } from './read-instruction.js';
import { absolute, type StageState } from './stage-state.js';
import type { Step } from './step.js';
import { expandWord } from './words.js';

/** moby, daemon/builder/dockerfile/builder.go, validCommitCommands. */
const VALID = ['CMD', 'ENTRYPOINT', 'HEALTHCHECK', 'ENV', 'EXPOSE', 'LABEL', 'ONBUILD'].concat([
  'STOPSIGNAL',
  'USER',
  'VOLUME',
  'WORKDIR',
]);

/**
 * Applies Dockerfile instructions that change only the config, as `commit --change` and `import --change` take them.
 * Throws BuildError `syntax` with the instruction as given.
 */
export function applyChanges(config: RunConfig, changes: readonly string[]): RunConfig {
  const state = bareState(config);
  for (const change of changes) at(() => apply(change, state), undefined);
  return state.config;
}

function apply(change: string, state: StageState): void {
  const keyword = (/^\s*(\S+)/.exec(change)?.[1] ?? '').toUpperCase();
  if (!VALID.includes(keyword)) {
    throw new Problem(`${keyword === '' ? '""' : keyword} is not a valid change command`, {
      hint: `--change takes ${VALID.join(', ')}`,
    });
  }
  const range = { file: '--change', startLine: 1, endLine: 1 };
  const instruction: Instruction = { ...readText(change.trim(), '\\'), range };
  const lookup = (name: string): string | undefined =>
    state.env.findLast((variable) => variable.name === name)?.value;
  const expand = (word: string): string => expandWord(word, lookup, '\\');
  if (instruction.kind === 'workdir') {
    state.config.WorkingDir = absolute(expand(instruction.path), state.config.WorkingDir);
    return;
  }
  const { kind } = instruction;
  if (kind === 'from' || kind === 'copy' || kind === 'run')
    throw new BuildError('syntax', `${kind} cannot be a change`);
  dispatchConfig(instruction, { instruction, state, lookup, expand, prefix: '', context: CONTEXT });
}

/** No build stands behind a change: no arguments, no stages. */
const OPTIONS = { buildArgs: {} } as LowerOptions;
const CONTEXT: Step['context'] = {
  options: OPTIONS,
  globals: { get: () => undefined },
  escape: '\\',
  source: () => Promise.reject(new Error('a change reads no stage')),
};

function bareState(config: RunConfig): StageState {
  const env = (config.Env ?? []).map((entry) => {
    const cut = entry.indexOf('=');
    return { name: entry.slice(0, cut), value: entry.slice(cut + 1), origin: 'ENV' as const };
  });
  return {
    name: '',
    vertex: undefined as never, // No change makes a layer.
    config: { ...config },
    author: undefined,
    env,
    args: [],
    history: [],
    base: undefined,
    position: 0,
    steps: { done: 0, total: 0 },
    cmdSet: false,
  };
}
