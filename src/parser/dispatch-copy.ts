import type { CopySpec, InlineFile, OpSpec, Vertex } from '../model/graph.js';
import { addSources, refuseRemote } from './add-sources.js';
import { type Heredoc, heredocBody } from './heredoc.js';
import type { CopyBody, Instruction } from './instruction.js';
import { absolute, type StageState } from './stage-state.js';
import { addVertex, remember, type Step } from './step.js';
import { expandText } from './words.js';

/** COPY and ADD. */
export async function dispatchCopy(body: CopyBody & Instruction, step: Step): Promise<void> {
  const { state, expand } = step;
  const sources = body.sources.map(expand);
  const inline = body.heredocs.map((heredoc) => inlineFile(heredoc, step));
  const written = expand(body.dest);
  const chown = body.chown === undefined ? undefined : expand(body.chown);
  const chmod = body.chmod === undefined ? undefined : expand(body.chmod);
  const { inputs, ...taken } = await takeFrom(body, sources, step);
  const op: OpSpec = {
    kind: 'copy',
    instruction: body.instruction,
    ...taken,
    ...(inline.length === 0 ? {} : { inline }),
    dest: destination(written, state),
    ...(chown === undefined || chown === '' ? {} : { chown }),
    ...(chmod === undefined || chmod === '' ? {} : { chmod }),
    unpack: body.instruction === 'ADD',
  };
  addVertex(step, op, inputs);
  const flags = [
    chown === undefined ? '' : `--chown=${chown} `,
    chmod === undefined ? '' : `--chmod=${chmod} `,
  ].join('');
  remember(
    step,
    `${body.instruction} ${flags}${[...sources, ...inline.map(({ name }) => `<<${name}`)].join(' ')} ${written} # buildkit`,
    true,
  );
}

/** What the instruction takes, and the vertices it takes it from. */
async function takeFrom(
  body: CopyBody & Instruction,
  sources: readonly string[],
  step: Step,
): Promise<Pick<CopySpec, 'from' | 'sources' | 'origins'> & { inputs: readonly Vertex[] }> {
  if (body.instruction === 'ADD') return { from: 'context', ...addSources(body, sources, step) };
  for (const source of sources) refuseRemote(source);
  if (body.from === undefined) return { from: 'context', sources, inputs: [] };
  const input = await step.context.source(body.from, body.range);
  return { from: 'input', sources, inputs: [input] };
}

/** Variables are replaced unless the delimiter was quoted; the escape is `\\` here whatever the directive says. */
function inlineFile(heredoc: Heredoc, { lookup }: Step): InlineFile {
  const body = heredocBody(heredoc);
  const content = heredoc.expand ? expandText(body, lookup, '\\') : body;
  return { name: heredoc.name, content };
}

/** A trailing `/` or `/.` means directory, and an empty destination is `./`. */
function destination(written: string, state: StageState): string {
  const path = absolute(written, state.config.WorkingDir);
  const directory = written === '' || written === '.' || /(^|\/)\.?$/.test(written);
  return directory && path !== '/' ? `${path}/` : path;
}
