import { dispatchConfig } from './dispatch-config.js';
import { dispatchCopy } from './dispatch-copy.js';
import { dispatchRun } from './dispatch-run.js';
import type { Instruction } from './instruction.js';
import { absolute, type StageState } from './stage-state.js';
import { addVertex, remember, type StageContext, type Step } from './step.js';
import { expandWord } from './words.js';

/** Applies one instruction to its stage. Throws Problem for what cannot be. */
export async function dispatch(
  instruction: Instruction,
  prefix: string,
  state: StageState,
  context: StageContext,
): Promise<void> {
  // All expansions of one instruction see the variables from before it: it expands all, then sets.
  const plain = (name: string): string | undefined => state.env.get(name);
  const lookup = context.lint.watch(plain);
  const expand = (word: string): string => expandWord(word, lookup, context.escape);
  const step: Step = { instruction, prefix, state, context, lookup, plain, expand };
  const linted = { instruction, state, lookup: plain, escape: context.escape };
  context.lint.before(linted);
  try {
    await apply(step);
  } finally {
    context.lint.after(linted);
  }
  context.outline?.after(step);
}

async function apply(step: Step): Promise<void> {
  const { instruction, expand } = step;
  if (instruction.kind === 'from') throw new Error('FROM begins a stage');
  if (instruction.kind === 'copy') await dispatchCopy(instruction, step);
  else if (instruction.kind === 'run') await dispatchRun(instruction, step);
  else if (instruction.kind === 'workdir') workdir(expand(instruction.path), step);
  else dispatchConfig(instruction, step);
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
