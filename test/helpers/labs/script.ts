/** One line of a lab's script, see `parseLab`. */
export type LabLine =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'command'; readonly text: string; readonly how: How }
  | { readonly kind: 'terminal'; readonly text: string; readonly how: How }
  | { readonly kind: 'keys'; readonly text: string; readonly how: How }
  | { readonly kind: 'end'; readonly text: ''; readonly how: How };

export interface How {
  /** What it prints is another's and changes from day to day: it is not shown. */
  readonly abridged: boolean;
  /** Why it does not print what docker prints. */
  readonly differs?: string;
}

/*
 * A lab is Markdown; within ```console fences each line is a command:
 *   $ COMMAND    by a shell, without a terminal; NAME=... sets a variable for the commands after it
 *   % COMMAND    on a terminal, which stays open until the program ends
 *   > KEYS       typed there once the program waits; ^C is Ctrl-C
 *   <end>        waits until that program ends
 * `...` before a command or keys leaves its output out. `(differs: REASON)` tells why the command before it does not
 * print what docker prints.
 */
export function parseLab(script: string): LabLine[] {
  const lines: LabLine[] = [];
  let inFence = false;
  for (const text of script.trimEnd().split('\n')) {
    const differs = /^\(differs: (.*)\)$/.exec(text)?.[1];
    if (text.startsWith('```')) inFence = !inFence && text === '```console';
    if (differs !== undefined) setReason(lines, differs);
    else if (!inFence || text.startsWith('```')) lines.push({ kind: 'text', text });
    else lines.push(fencedLine(text));
  }
  return lines;
}

const KINDS = { $: 'command', '%': 'terminal', '>': 'keys' } as const;

function fencedLine(line: string): LabLine {
  const { dots, mark, text } =
    /^(?<dots>\.{3})?(?<mark>[$%>]) (?<text>.*)$/.exec(line)?.groups ?? {};
  const how = { abridged: dots !== undefined };
  if (line === '<end>') return { kind: 'end', text: '', how };
  if (mark === undefined || text === undefined) throw new Error(`no line of a lab: ${line}`);
  return { kind: KINDS[mark as keyof typeof KINDS], text, how };
}

function setReason(lines: LabLine[], differs: string): void {
  const last = lines.pop();
  if (last === undefined || last.kind === 'text') throw new Error(`differs from what? ${differs}`);
  lines.push({ ...last, how: { ...last.how, differs } });
}
