import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { killAt, type KillPoint, killPoints } from './kill-points.js';
import { mountsOf } from './mounts.js';
import { type NetworkWorld, until } from './network-world.js';
import { processesOf } from './processes.js';

/** A command that is killed at a moment, with what it needs before. */
export interface KilledCommand {
  readonly args: readonly string[];
  /** Commands that lead there. Names of containers are `subject` and `other`; all are removed afterwards. */
  readonly before?: readonly (readonly string[])[];
  /** Done once more afterwards it works: for what may have happened already, another way of it. */
  readonly again?: readonly string[];
}

const RUNS = ['run', '-d', '--name', 'subject', 'bb', 'sleep', '1000'];
const LIMITED = ['run', '-d', '--name', 'subject', '--memory=64m', 'bb', 'sleep', '1000'];
const MADE = ['create', '--name', 'subject', '-v', '/data', 'bb', 'sleep', '1000'];
const HEALTHY = ['--health-cmd=true', '--health-interval=1s'];

/** All that changes containers. */
export const KILLED_COMMANDS: readonly KilledCommand[] = [
  { args: ['create', '--name', 'subject', '-v', '/data', '-v', 'named:/etc', 'bb', 'true'] },
  { args: ['run', '--name', 'subject', '-v', '/data', 'bb', 'true'] },
  { args: ['run', '--rm', '--name', 'subject', '-p', '80', 'bb', 'true'] },
  { args: ['run', '-d', '--name', 'subject', '-p', '80', ...HEALTHY, 'bb', 'sleep', '1000'] },
  { args: ['run', '-i', '--name', 'subject', '--memory=64m', 'bb', 'cat'] },
  { args: ['start', 'subject'], before: [MADE] },
  {
    args: ['start', '-a', '-i', 'subject'],
    before: [['create', '-i', '--name', 'subject', 'bb', 'cat']],
  },
  { args: ['stop', '-t', '1', 'subject'], before: [RUNS] },
  { args: ['kill', 'subject'], before: [LIMITED] },
  { args: ['restart', '-t', '0', 'subject'], before: [RUNS] },
  { args: ['pause', 'subject'], before: [LIMITED], again: ['ps'] },
  { args: ['unpause', 'subject'], before: [LIMITED, ['pause', 'subject']], again: ['ps'] },
  { args: ['pause', 'subject'], before: [RUNS], again: ['ps'] },
  { args: ['unpause', 'subject'], before: [RUNS, ['pause', 'subject']], again: ['ps'] },
  { args: ['exec', 'subject', 'true'], before: [RUNS] },
  { args: ['exec', '-d', 'subject', 'sleep', '1000'], before: [LIMITED] },
  { args: ['exec', '-i', 'subject', 'cat'], before: [RUNS] },
  { args: ['commit', 'subject', 'made'], before: [RUNS, ['exec', 'subject', 'touch', '/new']] },
  { args: ['commit', 'subject'], before: [LIMITED, ['exec', 'subject', 'touch', '/new']] },
  { args: ['diff', 'subject'], before: [LIMITED] },
  { args: ['export', '-o', '/dev/null', 'subject'], before: [RUNS] },
  { args: ['cp', 'package.json', 'subject:/'], before: [RUNS] },
  { args: ['cp', 'package.json', 'subject:/'], before: [MADE] },
  { args: ['rename', 'subject', 'other'], before: [RUNS], again: ['ps'] },
  { args: ['update', '--memory=64m', '--memory-swap=64m', 'subject'], before: [RUNS] },
  { args: ['update', '--restart=always', 'subject'], before: [RUNS] },
  { args: ['rm', 'subject'], before: [MADE], again: ['ps'] },
  {
    args: ['rm', '-f', '-v', 'subject'],
    before: [[...RUNS.slice(0, 4), '-v', '/data', '-p', '80', ...RUNS.slice(4)]],
    again: ['ps'],
  },
  { args: ['container', 'prune', '-f'], before: [MADE] },
];

interface Seen {
  readonly Id: string;
  readonly State: {
    readonly Running: boolean;
    readonly Paused: boolean;
    readonly Restarting: boolean;
    readonly Pid: number;
  };
}

/** What of a store tells of work in progress, or of containers. */
const PLACES = ['containers', 'leases', 'locks', 'networks/attached', 'tmp', 'trash', 'volumes'];

/** The moments of a command in a world where it can be run. */
export function momentsOf(world: NetworkWorld, { args, before = [] }: KilledCommand): KillPoint[] {
  for (const each of before) world.ok(...each);
  try {
    return killPoints(world, args, 'input\n');
  } finally {
    removeAll(world);
  }
}

/** Kills a command at a moment; then what the next ones tell is true, and a removal leaves nothing. */
export async function checkKilled(
  world: NetworkWorld,
  command: KilledCommand,
  point: KillPoint,
): Promise<void> {
  await checkStruck(world, command, async () => {
    await killAt(world, point, command.args);
  });
}

/** The same of any way to strike at a command. */
export async function checkStruck(
  world: NetworkWorld,
  { args, before = [], again = args }: KilledCommand,
  strike: () => Promise<void>,
): Promise<void> {
  const there = leftIn(world);
  for (const each of before) world.ok(...each);
  await strike();
  const seen = inspectAll(world);
  for (const { Id, State } of seen) await checkTrue(world, Id, State);
  const repeated = world.run(...again);
  // It may have been done: then docker's words say so.
  if (repeated.status !== 0)
    assert.match(repeated.stderr, /already in use|No such container|is not running|already paused/);
  const ids = new Set([...seen.map(({ Id }) => Id), ...removeAll(world)]);
  await checkNothingLeft(world, there);
  assert.deepEqual(cgroupsOf([...ids]), []);
}

/** Gives the ids of what it removed. */
function removeAll(world: NetworkWorld): string[] {
  const ids = idsOf(world);
  if (ids.length > 0) world.ok('rm', '-f', '-v', ...ids);
  if (readdirSync(join(world.root, 'volumes')).length > 0) world.ok('volume', 'prune', '-a', '-f');
  return ids;
}

function idsOf(world: NetworkWorld): string[] {
  return world.ok('ps', '-aq', '--no-trunc').stdout.split('\n').filter(Boolean);
}

function inspectAll(world: NetworkWorld): Seen[] {
  const ids = idsOf(world);
  if (ids.length === 0) return [];
  const { stdout, stderr } = world.run('inspect', ...ids);
  // One that began goes on, and may end and be removed between the two commands.
  assert.match(stderr, /^$|No such object/);
  return JSON.parse(stdout) as Seen[];
}

/** Said to run it runs, and not frozen unless said so; said to have ended it has no process. */
async function checkTrue(world: NetworkWorld, id: string, state: Seen['State']): Promise<void> {
  const { Running, Paused, Pid, Restarting } = state;
  if (!Running) {
    assert.ok(!Restarting);
    await until(`the monitor of ${id} is gone`, () => processesOf(id).length === 0);
    return;
  }
  assert.ok(existsSync(`/proc/${String(Pid)}`), 'a container that runs has a process');
  await until(`${id} is ${Paused ? '' : 'not '}frozen`, () => isFrozen(Pid) === Paused);
  if (!Paused) world.ok('exec', id, 'true');
}

/** By its cgroup, of whichever version, or by SIGSTOP. */
export function isFrozen(pid: number): boolean {
  const groups = readFileSync(`/proc/${String(pid)}/cgroup`, 'utf8');
  const [old, unified] = [/^\d+:freezer:(.*)$/m, /^0::(.*)$/m].map(
    (line) => line.exec(groups)?.[1],
  );
  const says = (file: string, what: RegExp): boolean =>
    existsSync(file) && what.test(readFileSync(file, 'utf8'));
  return (
    says(`/sys/fs/cgroup/freezer${old ?? ''}/freezer.state`, /^FR/) ||
    says(`/sys/fs/cgroup${unified ?? ''}/cgroup.events`, /^frozen 1$/m) ||
    says(`/proc/${String(pid)}/status`, /^State:\s*T/m)
  );
}

function leftIn({ root }: NetworkWorld): string[] {
  const entries = PLACES.flatMap((place) => {
    const path = join(root, place);
    return existsSync(path) ? readdirSync(path).map((name) => `${place}/${name}`) : [];
  });
  return entries.concat(readdirSync(join(root, 'refs')).filter((name) => name.endsWith('.tmp')));
}

async function checkNothingLeft(world: NetworkWorld, before: readonly string[]): Promise<void> {
  // What a monitor does at the end of a container may still be under way. Both have the store on their command line.
  await until('nothing works on the store', () => processesOf(world.root).length === 0);
  assert.match(world.ok('ps', '-a').stdout, /^CONTAINER ID.*\n$/);
  assert.deepEqual(leftIn(world), before);
  assert.deepEqual(mountsOf(world.root), []);
}

/** What takes longer, after a few moments of a command. */
export function checkWhole(world: NetworkWorld): void {
  assert.deepEqual(world.traces(), []);
  world.ok('store', 'check', '--full');
}

/** Of these containers: other worlds of this machine have theirs. */
function cgroupsOf(ids: readonly string[]): string[] {
  const hierarchies = ['', ...readdirSync('/sys/fs/cgroup')];
  return hierarchies.flatMap((name) =>
    ids.map((id) => join('/sys/fs/cgroup', name, 'stave', id)).filter((path) => existsSync(path)),
  );
}
