import assert from 'node:assert/strict';
import { join } from 'node:path';
import { utimesSync, writeFileSync } from 'node:fs';
import { runProgram } from './run-program.js';
import type { Outcome } from './stave.js';

interface World {
  readonly dir: string;
  readonly run: (...args: string[]) => Outcome;
  readonly ok: (...args: string[]) => Outcome;
}

/** Everything that a writable layer can hold, at times that are the same on every rung. */
const EDITS = [
  'if [ -e /f ]; then ls /etc/d; cat /f; exit 4; fi',
  'echo one >/f && ln /f /g && ln -s f /s && mkfifo /p && mkdir -m 1777 /t && chmod 4755 /f',
  'rm /bin/yes && rm -r /etc/d && mkdir /etc/d && echo new >/etc/d/new && echo more >>/etc/file',
  'touch -h -d @1000 /f /s /p /t /etc/d/new /etc/d /etc/file /etc /bin',
  'echo said; echo cried >&2; exit 3',
].join('\n');

/**
 * What the commands on containers say of one that `bb` is the image of, from its creation to its removal. What differs from
 * machine to machine is left out: it must be the same on every rung.
 */
export function containerLifecycle({ dir, run, ok }: World): string[] {
  const said: string[] = [];
  const tell = ({ status, stdout, stderr }: Outcome): void => {
    said.push([status, stdout, stderr].join('\n'));
  };
  ok('build', '-q', '-t', 'base', context(dir));
  tell(run('create', '--name', 'one', 'base', 'sh', '-c', EDITS));
  writeFileSync(join(dir, 'brought'), 'brought');
  utimesSync(join(dir, 'brought'), 1000, 1000);
  runProgram('chown', '--reference', dir, join(dir, 'brought'));
  tell(run('cp', join(dir, 'brought'), 'one:/etc/brought'));
  tell(run('start', '-a', 'one'));
  for (const args of [
    ['diff', 'one'],
    ['logs', 'one'],
    ['ps', '-a', '--format', '{{.Names}} {{.Status}}'],
    ['cp', 'one:/etc/d', '-'],
    ['start', '-a', 'one'],
    ['ps', '-as', '--format', '{{.Names}} {{.Size}}'],
  ])
    tell(timeless(run(...args)));
  ok('commit', 'one', 'made');
  said.push(ok('image', 'inspect', 'made', '--format', '{{.RootFS.Layers}}').stdout);
  ok('export', '-o', join(dir, 'one.tar'), 'one');
  said.push(...runProgram('tar', '-tvf', join(dir, 'one.tar')).split('\n').map(kindAndName).sort());
  tell(run('run', '--rm', 'made', 'sh', '-c', 'cat /etc/d/* /etc/file /f; ls /bin/yes; ls -A /t'));
  tell(run('rm', 'one'));
  said.push(...running({ dir, run, ok }));
  assert.equal(ok('ps', '-aq').stdout, '');
  return said.map((text) => text.replace(/\b[0-9a-f]{64}\b(?!.*\])/g, '<id>'));
}

function running({ run, ok }: World): string[] {
  const mounts = ['-v', 'kept:/kept', '-v', '/etc/d', '--tmpfs', '/scratch'];
  ok('run', '-d', '--name', 'two', ...mounts, 'base', 'sh', '-c', 'echo up; exec sleep 1000');
  const said = [
    ['exec', 'two', 'sh', '-c', 'echo x >/kept/x; cat /etc/d/old; echo y >/scratch/y; echo z >/z'],
    ['diff', 'two'],
    ['cp', 'two:/z', '-'],
    ['stop', '-t', '0', 'two'],
    ['ps', '-a', '--format', '{{.Names}} {{.Status}}'],
    ['restart', '-t', '0', 'two'],
    ['exec', 'two', 'sh', '-c', 'cat /kept/x /z; ls -A /scratch'],
    ['kill', 'two'],
    ['wait', 'two'],
    ['rm', '-v', 'two'],
    ['run', '--rm', '--read-only', '-v', 'kept:/kept:ro', 'base', 'sh', '-c', 'cat /kept/x; >/y'],
    ['volume', 'ls', '-q'],
    ['run', '--rm', '-u', '0:0', '-w', '/new/dir', '-e', 'A=b', 'base', 'sh', '-c', 'pwd; echo $A'],
    ['run', '--rm', 'base', '/nope'],
  ].map((args) => {
    const { status, stdout, stderr } = timeless(run(...args));
    return [status, stdout, stderr].join('\n');
  });
  return said;
}

function context(dir: string): string {
  const at = join(dir, 'lifecycle');
  runProgram('mkdir', '-p', at);
  writeFileSync(join(at, 'old'), 'old');
  writeFileSync(join(at, 'Dockerfile'), 'FROM bb\nCOPY old /etc/d/old\nCOPY old /etc/file\n');
  return at;
}

/** Ages, ids of processes, times in archives. */
function timeless({ status, stdout, stderr }: Outcome): Outcome {
  const lines = stdout.replace(/(About a|Less than a|\d+) (second|minute)s? ago/g, '<ago>');
  return { status, stdout: lines.replace(/\0[^]*$/, ''), stderr };
}

function kindAndName(line: string): string {
  const [kind, , , , , ...name] = line.split(/\s+/);
  return `${kind ?? ''} ${name.join(' ')}`;
}
