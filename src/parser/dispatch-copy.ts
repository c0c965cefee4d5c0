import type { OpSpec } from '../model/graph.js';
import type { CopyBody, Instruction } from './instruction.js';
import { absolute, type StageState } from './stage-state.js';
import { addVertex, remember, type Step } from './step.js';

/** COPY and ADD. */
export async function dispatchCopy(body: CopyBody & Instruction, step: Step): Promise<void> {
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
