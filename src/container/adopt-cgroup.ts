import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { hasCode } from '../model/has-code.js';
import { makeDeep } from '../sys/make-deep.js';
import { processesOf, type RunningContainer } from './freeze.js';

const ROOT = '/sys/fs/cgroup';

/**
 * Gives a container that runs without one a cgroup (`path`, below the root of each hierarchy) and moves its processes
 * there. Killed half way, some of them are in it: a second time moves the others.
 */
export function adoptCgroup(container: RunningContainer, path: string, root = ROOT): void {
  const groups = hierarchies(root).map((hierarchy) => makeGroup(hierarchy, path));
  // What a process starts is where the process is: once nobody new is found, all have moved.
  const moved = new Set<string>();
  for (let found = true; found;) {
    found = false;
    for (const pid of processesOf(container.pid)) {
      if (moved.has(pid)) continue;
      moved.add(pid);
      found = true;
      for (const group of groups) move(pid, group);
    }
  }
}

/** Version 2, or all of version 1: where there are both, the second has no controllers and runtimes do not see it. */
function hierarchies(root: string): readonly string[] {
  if (isUnified(root)) return [root];
  return readdirSync(root)
    .map((name) => join(root, name))
    .filter((directory) => existsSync(join(directory, 'cgroup.procs')) && !isUnified(directory));
}

function isUnified(directory: string): boolean {
  return existsSync(join(directory, 'cgroup.controllers'));
}

function makeGroup(hierarchy: string, path: string): string {
  const group = join(hierarchy, path);
  const above: string[] = [];
  for (let at = group; at !== hierarchy; at = dirname(at)) above.unshift(at);
  for (const each of above) {
    passControllers(dirname(each));
    makeDeep(each);
    inherit(dirname(each), each);
  }
  return group;
}

/** Version 2: children have the controllers that their parent lets them have. */
function passControllers(group: string): void {
  const control = join(group, 'cgroup.subtree_control');
  if (!existsSync(control)) return;
  for (const name of readFileSync(join(group, 'cgroup.controllers'), 'utf8').trim().split(' '))
    if (name !== '') writeFileSync(control, `+${name}`);
}

/** Version 1: a new group has no processor and no memory node, and nothing can be moved there. */
function inherit(parent: string, group: string): void {
  for (const file of ['cpuset.cpus', 'cpuset.mems']) {
    const own = join(group, file);
    if (!existsSync(own) || readFileSync(own, 'utf8').trim() !== '') continue;
    if (isUnified(group)) continue;
    writeFileSync(own, readFileSync(join(parent, file), 'utf8').trim());
  }
}

function move(pid: string, group: string): void {
  try {
    writeFileSync(join(group, 'cgroup.procs'), pid);
  } catch (error) {
    if (!hasCode(error, 'ESRCH')) throw error; // It ended meanwhile.
  }
}
