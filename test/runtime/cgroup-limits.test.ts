import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { machineLimits } from '../../src/runtime/machine-limits.js';
import { removeCgroup } from '../../src/runtime/remove-cgroup.js';

type Files = Readonly<Record<string, string>>;

/** /sys/fs/cgroup of a machine, as far as it is looked at. */
function withTree(files: Files, look: (root: string) => void): void {
  const root = mkdtempSync(join(tmpdir(), 'cgroup-'));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  try {
    look(root);
  } finally {
    rmSync(root, { recursive: true });
  }
}

/** Debian 12 and Fedora 40 with systemd: the root of cgroup 2. */
const UNIFIED: Files = {
  'cgroup.controllers': 'cpuset cpu io memory hugetlb pids rdma misc\n',
  'cgroup.subtree_control': 'cpuset cpu io memory pids\n',
  'cpuset.cpus.effective': '0-7\n',
  'cpuset.mems.effective': '0\n',
};

/** What is on whatever machine. */
const NEVER = ['swappiness', 'oomKillDisable', 'cpuRealtime'] as const;

test('cgroup 2: what its controllers can do; what only version 1 had is not there', () => {
  withTree(UNIFIED, (root) => {
    const limits = machineLimits(root);
    const yes = Object.entries(limits).filter(([, value]) => value === true);
    assert.deepEqual(yes.map(([name]) => name).sort(), [
      'blkioThrottle',
      'blkioWeight',
      'cgroups',
      'cpuQuota',
      'cpuShares',
      'cpuset',
      'devices',
      'memory',
      'pids',
      'reservation',
      'swap',
    ]);
    for (const name of NEVER) assert.equal(limits[name], false);
    assert.deepEqual([limits.cpus, limits.mems], ['0-7', '0']);
  });
});

test('cgroup 2 with few controllers, as in a container of a user', () => {
  withTree({ ...UNIFIED, 'cgroup.controllers': 'memory pids\n' }, (root) => {
    const { memory, pids, cpuQuota, cpuset, blkioWeight } = machineLimits(root);
    assert.deepEqual(
      { memory, pids, cpuQuota, cpuset, blkioWeight },
      {
        memory: true,
        pids: true,
        cpuQuota: false,
        cpuset: false,
        blkioWeight: false,
      },
    );
  });
});

test('cgroup 2 without controllers: devices only', () => {
  withTree({ 'cgroup.controllers': '\n' }, (root) => {
    const { cgroups, devices, memory, pids } = machineLimits(root);
    assert.deepEqual([cgroups, devices, memory, pids], [true, true, false, false]);
  });
});

test('cgroup 1: a hierarchy each, by the files of its root', () => {
  const files = {
    'memory/cgroup.procs': '',
    'memory/memory.limit_in_bytes': '',
    'memory/memory.swappiness': '',
    'cpu/cgroup.procs': '',
    'cpu/cpu.shares': '',
    'cpuset/cpuset.cpus': '0-1\n',
    'devices/cgroup.procs': '',
  };
  withTree(files, (root) => {
    const { memory, swap, swappiness, cpuShares, cpuQuota, cpuset, cpus, devices, pids } =
      machineLimits(root);
    assert.deepEqual(
      { memory, swap, swappiness, cpuShares, cpuQuota, cpuset, cpus, devices, pids },
      {
        memory: true,
        swap: false,
        swappiness: true,
        cpuShares: true,
        cpuQuota: false,
        cpuset: true,
        cpus: '0-1',
        devices: true,
        pids: false,
      },
    );
  });
});

test('a cgroup is removed from every hierarchy, and from the one of version 2', () => {
  for (const at of ['stave/gone', 'memory/stave/gone', 'unified/stave/gone'])
    withTree({}, (root) => {
      mkdirSync(join(root, at), { recursive: true });
      removeCgroup('/stave/gone', root);
      assert.throws(
        () => {
          rmSync(join(root, at));
        },
        { code: 'ENOENT' },
      );
    });
});
