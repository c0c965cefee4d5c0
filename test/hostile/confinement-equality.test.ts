import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, readFileSync, readlinkSync } from 'node:fs';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { runProgram } from '../helpers/run-program.js';
import { runcOnly } from '../helpers/runc-only.js';
import { dockerPeer, type Peer } from '../helpers/peers.js';
import { BUSYBOX_DOCKERFILE, staveWorld } from '../helpers/stave.js';

/** What may differ from docker, and why. What is not given matches an item that only one of the two has. */
interface Difference {
  /** Of `section item`. */
  readonly item: RegExp;
  readonly docker?: RegExp;
  readonly stave?: RegExp;
  readonly why: string;
}

const DIFFERENCES: readonly Difference[] = [
  {
    item: /^mount \/$/,
    docker: /^r[ow],relatime master overlay $/,
    stave: /^r[ow],(nodev,)?relatime private? overlay $/,
    why: 'nodev stands for the device cgroup; nothing that is mounted on the host later shows up in a container',
  },
  {
    item: /^mount \/dev$/,
    docker: /^rw,nosuid private? tmpfs/,
    stave: /^rw,nosuid,nodev private? tmpfs/,
    why: 'nodev stands for the device cgroup',
  },
  {
    item: /^mount \/dev\/(null|zero|full|random|urandom|tty)$/,
    stave: /^rw,nosuid,noexec,relatime private? tmpfs/,
    why: 'on a nodev /dev each device is a mount of its own',
  },
  {
    item: /^node .* (c 1:[35789]|c 5:[012]|c 10:200)$/,
    docker: /^(works|ENOENT|ENXIO)$/,
    stave: /^refused$/,
    why: 'a node that a step made cannot be opened, not even one of a device that is harmless; /dev has those. Of docker 20.10 also /dev/net/tun, which moby took out in 24',
  },
  {
    item: /^(mount|open) (\/proc\/(interrupts|scsi)|\/sys\/devices\/virtual\/powercap|\/sys\/devices\/system\/cpu\/cpu\d+\/thermal_throttle)/,
    why: 'moby has masked it since (GHSA-6fw5-f8r9-fgfm, GHSA-jq35-85cj-fj4p)',
  },
  {
    item: /^sysctl net\/ipv6\/conf\/all\/disable_ipv6$/,
    docker: /^1$/,
    stave: /^0$/,
    why: 'moby has given every container its ::1 since 26',
  },
  {
    item: /^cgroup /,
    why: 'a container without limits is spared a cgroup of its own, which takes crun three times as long to start',
  },
  {
    item: /^mount \/sys\/fs\/cgroup/,
    docker: /./,
    why: 'what has no cgroup of its own is shown none; with limits it is there',
  },
  {
    item: /^mount \/sys\/fs\/cgroup$/,
    docker: / tmpfs rw,mode=755$/,
    stave: / tmpfs rw,size=1024k$/,
    why: 'the directory of the hierarchies is as each runtime makes it',
  },
  {
    item: /^dev \/dev\/core$/,
    stave: /^120777 /,
    why: 'crun makes the link whether or not the kernel has /proc/kcore',
  },
  {
    item: /^dev \/dev\/null$/,
    docker: /^20666 0:0 /,
    stave: /^20666 1000:7 /,
    why: 'crun gives its stdin to the user, runc spares /dev/null: it is the own node of one container',
  },
  {
    item: /^mount \/proc\/(bus|fs|irq|sys|sysrq-trigger)$/,
    docker: /^ro,nosuid,nodev,noexec,relatime /,
    stave: /^ro,relatime /,
    why: 'crun 1.8 remounts without the flags of /proc, where there is nothing to execute or open',
  },
  {
    item: /^mount (\/sys|\/sys\/firmware|\/proc\/acpi|\/proc\/asound)$/,
    docker: /^ro,.* ro(,|$)/,
    stave: /^ro,.* rw(,|$)/,
    why: 'crun makes the mount read-only, runc the file system as well',
  },
  {
    item: /^mount \/proc\/(keys|timer_list|kcore|latency_stats|sched_debug|timer_stats)$/,
    docker: /^r[ow],nosuid/,
    stave: /^r[ow],(nosuid,noexec,)?relatime private? (dev)?tmpfs/,
    why: 'masked by /dev/null: the one of the container (runc) or of the machine (crun, read-only)',
  },
  {
    item: /^open \/sys\//,
    docker: /EROFS$/,
    stave: /EACCES$/,
    why: 'both refuse to write: crun looks at the mount after the permissions, a read-only file system comes before them',
  },
  {
    item: /^mount \/dev\/shm$/,
    docker: /^rw,relatime /,
    stave: /^rw,nosuid,nodev,noexec,relatime /,
    why: "--ipc=host: the machine's own flags may be laxer than every container's",
  },
  {
    item: /^mount \/etc\/(hosts|resolv\.conf)$/,
    docker: /^ro,nosuid,nodev,noexec,relatime master /,
    stave: /^ro,nosuid,nodev,noexec,relatime private? /,
    why: 'RUN: as the root, without what is mounted on the host later',
  },
  {
    item: /^process fd 0$/,
    docker: /^4096$/,
    stave: /^8192$/,
    why: 'RUN: stdin is /dev/null, which can be opened again; BuildKit has an empty pipe',
  },
  {
    item: /^status Groups$/,
    docker: /^\s*$/,
    stave: /^0\s*$/,
    why: 'RUN: the primary group is one of the groups (CVE-2022-36109), as in docker run',
  },
  {
    item: /^(uts hostname|sysctl kernel\/hostname)$/,
    docker: /^(buildkitsandbox|localhost)?.*$/,
    stave: /^buildkitsandbox$/,
    why: "RUN: BuildKit's fixed name; docker 20.10 has a random one",
  },
];

const MODES: readonly (readonly string[])[] = [
  [],
  ['--user=1000:7'],
  ['--cap-add=NET_ADMIN', '--cap-add=SYS_TIME', '--cap-drop=CHOWN'],
  ['--cap-drop=ALL', '--security-opt=no-new-privileges'],
  ['--cap-add=SYS_ADMIN'],
  ['--ipc=host', '--uts=host'],
  ['--pid=host'],
  [
    '--read-only',
    '--tmpfs=/t',
    '--shm-size=1m',
    '--device=/dev/fuse',
    '--sysctl=kernel.msgmax=4096',
  ],
  [
    '--ulimit=nofile=100:200',
    '--oom-score-adj=300',
    '--memory=100m',
    '--hostname=host.example.org',
  ],
];

/** S21: what a process can see and do, by a probe that looks at everything, is what it can under docker. */
describe('confinement, item by item', () => {
  const world = staveWorld();
  let docker: Peer;
  before(async () => {
    const context = join(world.dir, 'probe');
    mkdirSync(context);
    runProgram(
      'gcc',
      '-static',
      '-O1',
      '-o',
      join(context, 'probe'),
      'test/helpers/confinement-probe.c',
    );
    copyFileSync('/bin/busybox', join(context, 'busybox'));
    const dockerfile = `${BUSYBOX_DOCKERFILE}COPY probe /\nRUN ["/bin/mkdir", "-p", "/tmp"]\n`;
    writeFileSync(join(context, 'Dockerfile'), dockerfile);
    docker = await dockerPeer(world.dir);
    docker.run('build', '-q', '--network=host', '-t', 'probe', context);
    world.ok('build', '-q', '-t', 'probe', context);
  });
  after(async () => {
    await docker[Symbol.asyncDispose]();
    world[Symbol.dispose]();
  });

  for (const mode of MODES)
    test(`run ${mode.join(' ')}`, () => {
      const args = ['--network=none', ...mode, 'probe', '/probe'];
      const wanted = itemsOf(docker.run('run', '--rm', ...args), mode);
      for (const runtime of ['crun', 'runc']) {
        const { stdout } = world.ok('run', '--rm', `--runtime=${runtime}`, ...args);
        compare(wanted, itemsOf(stdout, mode));
      }
    });

  test('RUN', () => {
    const context = join(world.dir, 'run');
    mkdirSync(context);
    writeFileSync(join(context, 'Dockerfile'), 'FROM probe\nRUN /probe > /items\n');
    const build = ['build', '-q', '--no-cache', '--network=none', '-t', 'ran', context];
    docker.run(...build);
    const wanted = itemsOf(docker.run('run', '--rm', '--network=none', 'ran', 'cat', '/items'));
    const path = world.env['PATH'];
    for (const each of [path, runcOnly(world.dir)]) {
      world.env['PATH'] = each;
      world.ok(...build);
      world.env['PATH'] = path;
      compare(wanted, itemsOf(world.ok('run', '--rm', 'ran', 'cat', '/items').stdout));
    }
  });

  for (const runtime of ['crun', 'runc'])
    test(`run --privileged: everything that this process has (${runtime})`, () => {
      const args = ['run', '--rm', `--runtime=${runtime}`, '--privileged', 'probe', '/probe'];
      const items = itemsOf(world.ok(...args).stdout);
      const all = /^CapBnd:\s*(\w+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
      for (const set of ['CapBnd', 'CapPrm', 'CapEff'])
        assert.equal(items.get(`status ${set}`)?.trim(), all, set);
      for (const set of ['CapInh', 'CapAmb'])
        assert.match(items.get(`status ${set}`) ?? '', /^0+ $/);
      assert.equal(items.get('status Seccomp')?.trim(), '0');
      assert.equal(items.get('status NoNewPrivs')?.trim(), '0');
      assert.match(items.get('mount /sys') ?? '', /^rw,nosuid,nodev,noexec/);
      const below = [...items.keys()].filter((item) => /^mount \/(proc|sys)\//.test(item));
      assert.deepEqual(
        below.filter((item) => item !== 'mount /sys/fs/cgroup'),
        [],
      );
      for (const place of ['', '/dev', '/tmp'])
        assert.equal(items.get(`node ${place} b 7:0`), 'works');
      assert.equal(items.get('open /proc/sys/kernel/core_pattern'), 'r w');
    });
});

/** Differs from one look to the next. */
const UNSTABLE =
  /^open \/sys\/(kernel\/slab|fs\/cgroup|fs\/fuse\/connections|devices\/virtual\/bdi)\/|^sysctl kernel\/hostname/;

/** Where it sees the machine's processes, each has another number. */
const NUMBERS = /^(status NSpid|process (pid|parent|session|group))$/;

/** `section item` and its value. */
function itemsOf(text: string, mode: readonly string[] = []): Map<string, string> {
  const numbered = mode.includes('--pid=host');
  const items = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [section = '', item = '', ...values] = line.split('\t');
    const name = `${section} ${item}`;
    if (line === '' || UNSTABLE.test(name) || (numbered && NUMBERS.test(name))) continue;
    items.set(name, normal(section, values.join(' ')));
  }
  assert.ok(items.size > 1000, 'the probe did not get to its end');
  return items;
}

function normal(section: string, value: string): string {
  switch (section) {
    case 'namespace': {
      const kind = /^\w+/.exec(value)?.[0] ?? '';
      return readlinkSync(`/proc/self/ns/${kind}`) === value ? "the machine's" : 'own';
    }
    case 'uts':
      return value.replace(/^[0-9a-f]{12}$/, 'ID');
    case 'node': // A cgroup says EPERM, a nodev mount EACCES.
      return value.replace(/^(EPERM|EACCES)$/, 'refused');
    default:
      return value;
  }
}

function compare(docker: ReadonlyMap<string, string>, stave: ReadonlyMap<string, string>): void {
  const wrong: string[] = [];
  for (const item of new Set([...docker.keys(), ...stave.keys()])) {
    const [theirs, ours] = [docker.get(item), stave.get(item)];
    if (theirs !== ours && !DIFFERENCES.some((each) => explains(each, item, theirs, ours)))
      wrong.push(`${item}: docker ${String(theirs)}, stave ${String(ours)}`);
  }
  assert.deepEqual(wrong, []);
}

function explains(
  { item, docker, stave }: Difference,
  name: string,
  theirs: string | undefined,
  ours: string | undefined,
): boolean {
  if (!item.test(name)) return false;
  if (docker === undefined && stave === undefined) return true;
  const fits = (pattern: RegExp | undefined, value: string | undefined): boolean =>
    pattern === undefined ? value === undefined : value !== undefined && pattern.test(value);
  return fits(docker, theirs) && fits(stave, ours);
}
