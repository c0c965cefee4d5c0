import { spawnSync } from 'node:child_process';
import { BuildError } from '../model/error.js';
import { hasCode } from '../model/has-code.js';

export interface ProcessTable {
  readonly titles: readonly string[];
  readonly processes: readonly (readonly string[])[];
}

/**
 * What ps says of some processes (moby, daemon/top_unix.go): asked for them alone, or, with options that do not go
 * together with -q, for all and chosen by the PID column. Throws BuildError `usage` with ps' own words.
 */
export function listProcesses(pids: readonly string[], options: readonly string[]): ProcessTable {
  const args = options.length === 0 ? ['-ef'] : options.flatMap((option) => option.split(' '));
  refuseRenamed(args.join(' '));
  const narrow = runPs([...args, `-q${pids.join(',')}`]);
  const ps = narrow.status === 0 ? narrow : runPs(args);
  if (ps.status !== 0) throw new BuildError('usage', `ps: ${ps.stderr.split('\n')[0] ?? ''}`);
  return parse(ps.stdout, new Set(pids));
}

/** Another column named PID would choose other processes. */
function refuseRenamed(options: string): void {
  for (const [, column = '', title = ''] of options.matchAll(/\s+([^\s]*)=\s*(PID[^\s]*)/g)) {
    if (column !== 'pid')
      throw new BuildError('usage', `specifying "${column}=${title}" is not allowed`);
  }
}

function runPs(args: readonly string[]): { status: number | null; stdout: string; stderr: string } {
  const env = { PATH: '/usr/bin:/bin:/usr/sbin:/sbin', LC_ALL: 'C.UTF-8' };
  const done = spawnSync('ps', args, { encoding: 'utf8', env, maxBuffer: 1 << 26 });
  if (done.error !== undefined && hasCode(done.error, 'ENOENT')) {
    throw new BuildError('runtime', 'ps is not installed', { hint: 'apt-get install procps' });
  }
  return done;
}

function parse(output: string, wanted: ReadonlySet<string>): ProcessTable {
  const [head = '', ...lines] = output.split('\n');
  const titles = fieldsOf(head);
  const at = titles.indexOf('PID');
  if (at === -1) throw new BuildError('usage', "Couldn't find PID field in ps output");
  const processes: string[][] = [];
  let listed = false;
  for (const fields of lines.map(fieldsOf).filter(({ length }) => length > 0)) {
    // A thread's line (option m) belongs to the process above it.
    if (fields[at] !== '-') listed = wanted.has(fields[at] ?? '');
    const last = titles.length - 1;
    if (listed) processes.push([...fields.slice(0, last), fields.slice(last).join(' ')]);
  }
  return { titles, processes };
}

function fieldsOf(line: string): string[] {
  return line.split(/[\t\n\f\r ]+/).filter((field) => field !== '');
}
