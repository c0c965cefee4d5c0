import { execFile } from 'node:child_process';
import { openTerminal, type Terminal } from '../terminal.js';
import type { LabLine } from './script.js';

/** What a line of a lab did; a text has no output. */
export interface Played {
  readonly line: LabLine;
  /** As a terminal shows it: with the prompt before what is typed. */
  readonly output: string;
  readonly status: number | null;
}

const HUNG_MS = 3 * 60_000;
/** What programs of the labs show when they wait for keys. */
const PROMPT = /(?<=^|\n)(>>> |(\/\S*|~) # |root@[^\s:]+:\S*# |.*\[y\/N\] )$/;

/** Runs a lab line by line with `stave` as what PATH says it is. */
export async function playLab(
  lines: readonly LabLine[],
  where: { readonly cwd: string; readonly env: NodeJS.ProcessEnv },
): Promise<Played[]> {
  const env = { ...where.env };
  const played: Played[] = [];
  let screen: Screen | undefined;
  for (const line of lines) {
    if (line.kind === 'text') played.push({ line, output: '', status: 0 });
    else if (line.kind === 'command')
      played.push({ line, ...(await runCommand(line.text, where.cwd, env)) });
    else {
      if (line.kind === 'terminal') screen = new Screen(line.text, where.cwd, env);
      if (screen === undefined) throw new Error(`no terminal is open: ${line.text}`);
      played.push({ line, ...(await screen.play(line)) });
    }
  }
  return played;
}

async function runCommand(
  text: string,
  cwd: string,
  env: NodeJS.ProcessEnv,
): Promise<{ output: string; status: number | null }> {
  const variable = /^([A-Z]\w*)=/.exec(text)?.[1];
  const script = variable === undefined ? text : `${text}; printf %s "$${variable}"`;
  const ended = await shell(`exec 2>&1\n${script}`, { cwd, env, timeout: HUNG_MS });
  if (variable === undefined) return ended;
  env[variable] = ended.output;
  return { output: '', status: ended.status };
}

function shell(
  script: string,
  options: { readonly cwd: string; readonly env: NodeJS.ProcessEnv; readonly timeout: number },
): Promise<{ output: string; status: number | null }> {
  return new Promise((resolve, reject) => {
    const child = execFile(
      'sh',
      ['-c', script],
      { ...options, maxBuffer: 1 << 28 },
      (error, output) => {
        if (error !== null && child.exitCode === null) reject(new Error(script, { cause: error }));
        else resolve({ output, status: child.exitCode });
      },
    );
    child.stdin?.end();
  });
}

/** A program on a terminal, of which each step gives what it showed since the step before. */
class Screen {
  readonly #terminal: Terminal;
  #shown = 0;
  #prompt = '';
  #status: number | null = null;
  readonly #ended: Promise<void>;

  constructor(command: string, cwd: string, env: NodeJS.ProcessEnv) {
    const script = `cd ${cwd} && exec ${command}`;
    this.#terminal = openTerminal('sh', ['-c', script], env, { cols: 200, rows: 50 });
    this.#ended = this.#terminal.exit.then((status) => {
      this.#status = status;
    });
  }

  async play(line: LabLine): Promise<{ output: string; status: number | null }> {
    if (line.kind === 'keys') this.#terminal.type(keysOf(line.text));
    let hung: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      hung = setTimeout(() => {
        reject(new Error(`hung at ${line.text}: ${this.#new()}`));
      }, HUNG_MS);
    });
    const waits = line.kind === 'end' ? [this.#ended] : [this.#ended, this.#waiting(line.kind)];
    await Promise.race([...waits, late]).finally(() => {
      clearTimeout(hung);
    });
    return { output: this.#take(), status: this.#status };
  }

  /** After keys, a prompt on the line of the keys is the one before, drawn again. */
  async #waiting(kind: LabLine['kind']): Promise<void> {
    const isPrompt = (text: string): boolean =>
      PROMPT.test(text) && (kind !== 'keys' || text.includes('\n'));
    for (let from = this.#shown; !isPrompt(this.#new());) from = await this.#more(from);
  }

  async #more(from: number): Promise<number> {
    await this.#terminal.until(/[^]/, from);
    return this.#terminal.text().length;
  }

  #new(): string {
    return plainText(this.#terminal.text().slice(this.#shown));
  }

  /** The prompt goes with the keys that are typed at it. */
  #take(): string {
    const text = this.#prompt + this.#new();
    this.#shown = this.#terminal.text().length;
    this.#prompt = this.#status === null ? (PROMPT.exec(text)?.[0] ?? '') : '';
    return text.slice(0, text.length - this.#prompt.length);
  }
}

function keysOf(text: string): string {
  return text === '^C' ? '\x03' : `${text}\r`;
}

/** What remains to be read of what a terminal got. */
function plainText(raw: string): string {
  return raw
    .replaceAll(/\x1b\][^\x07]*\x07/g, '')
    .replaceAll(/\x1b\[[0-9;?]*[A-Za-z]/g, '')
    .replaceAll(/\r+\n/g, '\n')
    .replaceAll(/[^\n]*\r(?=[^\n])/g, '');
}
