import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { arm64Writer } from '../helpers/arm64-program.js';
import { staveWorld } from '../helpers/stave.js';

const world = staveWorld();
after(() => {
  world[Symbol.dispose]();
});
const context = join(world.dir, 'context');
mkdirSync(context);
writeFileSync(join(context, 'program'), arm64Writer('/made', 'by arm64\n'), { mode: 0o755 });
writeFileSync(
  join(context, 'Dockerfile'),
  'FROM scratch\nCOPY program /\nRUN ["/program"]\nFROM scratch\nCOPY --from=0 /made /\n',
);

/** What Debian's binfmt-support registers for qemu-user-static, in a user namespace of our own. */
const HANDLER =
  ':stave-test:M::\\x7fELF\\x02\\x01\\x01\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x02\\x00\\xb7\\x00' +
  `:${'\\xff'.repeat(7)}\\x00${'\\xff'.repeat(8)}\\xfe${'\\xff'.repeat(3)}:/usr/bin/qemu-aarch64-static:`;
const NO_NAMESPACE = 70;
const script = `mount -t binfmt_misc none /proc/sys/fs/binfmt_misc || exit ${String(NO_NAMESPACE)}
printf %s '${HANDLER}'$1 >/proc/sys/fs/binfmt_misc/register || exit 71
shift
exec bin/stave "$@"`;

interface Ended {
  readonly status: number | null;
  readonly stderr: string;
}

/** Runs stave where the kernel knows an interpreter for arm64, registered with `flags`; the machine knows nothing of it. */
async function emulating(flags: string, ...args: string[]): Promise<Ended> {
  const wait = 'echo; read go; script=$1; shift; exec sh -c "$script" sh "$@"';
  const child = spawn('unshare', ['-U', '-m', 'sh', '-c', wait, 'sh', script, flags, ...args], {
    env: world.env,
  });
  let stderr = '';
  child.stderr.on('data', (data: Buffer) => (stderr += data.toString()));
  const closed = once(child, 'close');
  await once(child.stdout, 'data');
  for (const map of ['uid_map', 'gid_map'])
    writeFileSync(`/proc/${String(child.pid)}/${map}`, '0 0 65536');
  child.stdin.end('\n');
  const [status] = (await closed) as [number | null];
  return { status, stderr };
}

/** Handlers of a user namespace came with Linux 6.7. */
function isTooOld({ status }: Ended): boolean {
  if (status !== NO_NAMESPACE) return false;
  const [major = 0, minor = 0] = release().split('.').map(Number);
  assert.ok(major < 6 || (major === 6 && minor < 7), release());
  return true;
}

const build = (out: string): string[] =>
  ['build', '--progress=plain', '--platform=linux/arm64'].concat(['-o', out, context]);

test('RUN of another architecture, by qemu and binfmt_misc', async () => {
  const out = join(world.dir, 'out');
  const ended = await emulating('F', ...build(out));
  if (isTooOld(ended)) return refusedWithRemedy(/binfmt_misc has no handler for arm64/, out);
  assert.equal(ended.status, 0, ended.stderr);
  assert.equal(readFileSync(join(out, 'made'), 'utf8'), 'by arm64\n');
});

test('a handler that looks for its interpreter inside the container is refused', async () => {
  const out = join(world.dir, 'none');
  const ended = await emulating('', ...build(out));
  if (isTooOld(ended)) return;
  assert.equal(ended.status, 1, ended.stderr);
  assert.match(ended.stderr, /Dockerfile:3: RUN for linux\/arm64 cannot run on this linux\/\w+ /);
  assert.match(ended.stderr, /handler stave-test is not registered with flag F\n/);
});

test('without a handler the error names the remedy, before anything has run', () => {
  refusedWithRemedy(/binfmt_misc has no handler for s390x/, join(world.dir, 'none'), 's390x');
});

function refusedWithRemedy(why: RegExp, out: string, architecture = 'arm64'): void {
  const args = build(out).map((arg) => arg.replace('arm64', architecture));
  const { status, stderr } = world.run(...args);
  assert.equal(status, 1, stderr);
  assert.match(stderr, why);
  assert.match(stderr, /^hint: apt-get install qemu-user-static binfmt-support; /m);
  assert.doesNotMatch(stderr, /COPY program .*\n#\d+ DONE/);
}
