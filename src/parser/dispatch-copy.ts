import type { CopySpec, InlineFile, Vertex } from '../model/graph.js';
import { addSources, refuseRemote } from './add-sources.js';
import { type Heredoc, heredocBody } from './heredoc.js';
import type { CopyBody, Instruction } from './instruction.js';
import { Problem } from './problem.js';
import { absolute, type StageState } from './stage-state.js';
import { addVertex, linkVertex, remember, type Step } from './step.js';
import { expandText } from './words.js';

/** COPY and ADD. */
export async function dispatchCopy(body: CopyBody & Instruction, step: Step): Promise<void> {
  const { state, expand } = step;
  const sources = body.sources.map(expand);
  const inline = body.heredocs.map((heredoc) => inlineFile(heredoc, step));
  const written = expand(body.dest);
  const [chown, chmod] = [body.chown, body.chmod].map((flag) => expand(flag ?? ''));
  const { inputs, ...taken } = await takeFrom(body, sources, step);
  const op: CopySpec = {
    kind: 'copy',
    instruction: body.instruction,
    ...taken,
    ...(inline.length === 0 ? {} : { inline }),
    dest: destination(written, state),
    ...(chown === undefined || chown === '' ? {} : { chown }),
    ...(chmod === undefined || chmod === '' ? {} : { chmod }),
    ...(body.parents === true ? { parents: true } : {}),
    ...(body.exclude === undefined ? {} : { exclude: body.exclude }),
    unpack: body.unpack ?? body.instruction === 'ADD',
    ...(body.unpack === true ? { unpackRemote: true } : {}),
  };
  if (body.link === true && op.chmod === undefined) await linkedCopy(op, inputs, step);
  else addVertex(step, op, inputs);
  const shown = [...sources, ...inline.map(({ name }) => `<<${name}`), written].join(' ');
  remember(step, `${body.instruction} ${shownFlags(op)}${shown} # buildkit`, true);
}

/** The flags that BuildKit puts into the history. */
function shownFlags({ parents, chown, chmod }: CopySpec): string {
  return [
    parents === true ? '--parents ' : '',
    chown === undefined ? '' : `--chown=${chown} `,
    chmod === undefined ? '' : `--chmod=${chmod} `,
  ].join('');
}

/**
 * `--link`: the copy is made on nothing and put on top, so that it does not depend on what is below. BuildKit makes a
 * plain copy of one with `--chmod`, and so do we.
 */
async function linkedCopy(op: CopySpec, from: readonly Vertex[], step: Step): Promise<void> {
  const names = op.chown?.split(':').filter((name) => !/^\d*$/.test(name)) ?? [];
  if (names.length > 0) {
    throw new Problem(`--chown=${op.chown ?? ''} with --link: there is no ${names.join(':')}`, {
      hint: 'a linked copy does not see the passwd and group files below it: use numbers',
    });
  }
  const scratch = await step.context.source('scratch', step.instruction.range);
  linkVertex(step, op, [scratch, ...from]);
}

/** What the instruction takes, and the vertices it takes it from. */
async function takeFrom(
  body: CopyBody & Instruction,
  sources: readonly string[],
  step: Step,
): Promise<
  Pick<CopySpec, 'from' | 'context' | 'sources' | 'origins'> & { inputs: readonly Vertex[] }
> {
  if (body.instruction === 'ADD') return { from: 'context', ...addSources(body, sources, step) };
  for (const source of sources) refuseRemote(source);
  if (body.from === undefined) return { from: 'context', sources, inputs: [] };
  const context = await step.context.localContext(body.from);
  if (context !== undefined) return { from: 'context', context, sources, inputs: [] };
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
