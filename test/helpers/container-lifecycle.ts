import { utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runProgram } from './run-program.js';
import type { Outcome } from './stave.js';

/** Everything that a writable layer can hold, at times that are the same on every rung. */
const EDITS = [
  'if [ -e /f ]; then ls /etc/d; cat /f; exit 4; fi',
  'echo one >/f && ln /f /g && ln -s f /s && mkfifo /p && mkdir -m 1777 /t && chmod 4755 /f',
  'rm /bin/yes && rm -r /etc/d && mkdir /etc/d && echo new >/etc/d/new && echo more >>/etc/file',
  'touch -h -d @1000 /f /s /p /t /etc/d/new /etc/d /etc/file /etc /bin',
  'echo said; echo cried >&2; exit 3',
].join('\n');

/** The life of a container that nobody is to see running; `dir` is the directory of `lifecycleFiles`. */
export function quietLife(dir: string): readonly (readonly string[])[] {
  return [
    ['build', '-q', '-t', 'base', `${dir}/lifecycle`],
    ['create', '--name', 'one', 'base', 'sh', '-c', EDITS],
    ['cp', `${dir}/brought`, 'one:/etc/brought'],
    ['start', '-a', 'one'],
    ['diff', 'one'],
    ['logs', 'one'],
    ['ps', '-a', '--format', '{{.Names}} {{.Status}}'],
    ['cp', 'one:/etc/d', '-'],
    ['start', '-a', 'one'],
    ['ps', '-as', '--format', '{{.Names}} {{.Size}}'],
    ['commit', 'one', 'made'],
    ['image', 'inspect', 'made', '--format', '{{.RootFS.Layers}}'],
    ['export', '-o', `${dir}/one.tar`, 'one'],
    ['run', '--rm', 'made', 'sh', '-c', 'cat /etc/d/* /etc/file /f; ls /bin/yes; ls -A /t'],
    ['rm', 'one'],
    ['run', '--rm', '-u', '0:0', '-w', '/new/dir', '-e', 'A=b', 'base', 'sh', '-c', 'pwd; echo $A'],
    ['run', '--rm', 'base', '/nope'],
    ['ps', '-aq'],
  ];
}

const VOLUMES = ['-v', 'kept:/kept', '-v', '/etc/d', '--tmpfs', '/scratch'];

/** What takes mounts, and a container that runs. */
export const BUSY_LIFE: readonly (readonly string[])[] = [
  ['run', '-d', '--name', 'two', ...VOLUMES, 'base', 'sh', '-c', 'echo up; exec sleep 1000'],
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
];

/** What the commands above use, made in `dir`, and anybody's whose that is. */
export function lifecycleFiles(dir: string): void {
  const at = join(dir, 'lifecycle');
  runProgram('mkdir', '-p', at);
  writeFileSync(join(at, 'old'), 'old');
  writeFileSync(join(at, 'Dockerfile'), 'FROM bb\nCOPY old /etc/d/old\nCOPY old /etc/file\n');
  writeFileSync(join(dir, 'brought'), 'brought');
  utimesSync(join(dir, 'brought'), 1000, 1000);
  runProgram('chown', '--reference', dir, join(dir, 'brought'));
}

/** What commands said, without what differs from machine to machine and from day to day. */
export function steady({ status, stdout, stderr }: Outcome): string {
  const timeless = stdout
    .replace(/(About a|Less than a|\d+) (second|minute)s? ago/g, '<ago>')
    .replace(/\b[0-9a-f]{64}\b(?!.*\])/g, '<id>')
    .replace(/\0[^]*$/, '');
  const own = stderr.replace(/^WARNING: the container runs in a chroot .*\n/gm, '');
  return [status, timeless, own].join('\n');
}

/** Kinds and names in an exported tree, without those of the devices that stand in a chroot. */
export function exported(dir: string): string[] {
  return runProgram('tar', '-tvf', join(dir, 'one.tar'))
    .split('\n')
    .map((line) => line.split(/\s+/))
    .filter(([, , , , , name = '']) => !/^dev\/./.test(name))
    .map(([kind = '', , , , , ...name]) => `${kind} ${name.join(' ')}`)
    .sort();
}
