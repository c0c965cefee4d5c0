import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { busyboxContext } from '../helpers/busybox.js';
import { startRegistry, type TestRegistry } from '../helpers/registry.js';
import { staveWorld } from '../helpers/stave.js';

interface Descriptor {
  readonly digest: string;
  readonly size: number;
  readonly mediaType: string;
  readonly annotations?: Readonly<Record<string, string>>;
}
interface Image {
  readonly created: string;
  readonly 'os.version'?: string;
  readonly config: {
    readonly Env?: readonly string[];
    readonly WorkingDir?: string;
    readonly Labels?: Readonly<Record<string, string>>;
  };
  readonly rootfs: { readonly diff_ids: readonly string[] };
}

/** Behaviours of BuildKit's tests around images that come from elsewhere; the names are those tests'. */
describe('images from elsewhere', () => {
  const world = staveWorld();
  let registry: TestRegistry;
  before(async () => {
    world.ok('build', '-q', '-t', 'bb', busyboxContext(world.dir));
    registry = await startRegistry(world.dir);
  });
  after(async () => {
    await registry[Symbol.asyncDispose]();
    world[Symbol.dispose]();
  });

  function contextOf(files: Readonly<Record<string, string>>): string {
    const dir = mkdtempSync(join(world.dir, 'context-'));
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(dir, name)), { recursive: true });
      writeFileSync(join(dir, name), text);
    }
    return dir;
  }
  const json = (file: string): unknown => JSON.parse(readFileSync(file, 'utf8'));
  const blob = (layout: string, { digest }: { readonly digest: string }): unknown =>
    json(join(layout, 'blobs', digest.replace(':', '/')));
  function manifests(layout: string): readonly Descriptor[] {
    return (json(join(layout, 'index.json')) as { manifests: Descriptor[] }).manifests;
  }

  /** Builds to an OCI layout on disk. */
  function layoutOf(dockerfile: string, ...args: string[]): string {
    const layout = mkdtempSync(join(world.dir, 'layout-'));
    const context = contextOf({ Dockerfile: dockerfile, foo: 'foo-contents' });
    world.ok('build', '-q', ...args, '-o', `type=oci,tar=false,dest=${layout}`, context);
    return layout;
  }
  function imageIn(layout: string): Image {
    const manifest = blob(layout, manifests(layout)[0]!) as { config: Descriptor };
    return blob(layout, manifest.config) as Image;
  }
  function push(layout: string, name: string): string {
    const to = `docker://${registry.host}/${name}`;
    const args = ['copy', '-q', '--all', '--dest-tls-verify=false', `oci:${layout}`, to];
    execFileSync('skopeo', args, { stdio: 'pipe' });
    return `${registry.host}/${name}`;
  }

  test('an image without layers is a base and a mount (testPullScratch)', () => {
    const empty = push(layoutOf('FROM scratch\nLABEL foo=bar\n'), 'empty:v1');
    const image = imageIn(layoutOf(`FROM ${empty}\nLABEL bar=baz\nCOPY foo .\n`));
    assert.equal(image.rootfs.diff_ids.length, 1);
    assert.deepEqual(image.config.Labels, { bar: 'baz', foo: 'bar' });
    const mount = `--mount=from=${empty},target=/empty,rw`;
    const run = `RUN ${mount} [ -z "$(ls -A /empty)" ] && echo foo0 > /empty/foo && cat /empty/foo > /said`;
    world.ok('build', '-q', '-t', 'said', contextOf({ Dockerfile: `FROM bb\n${run}\n` }));
    assert.equal(world.ok('run', '--rm', 'said', 'cat', '/said').stdout, 'foo0\n');
  });

  test('a layout of several names has an entry for each (testOCILayoutMultiname)', () => {
    const name = '"name=org/repo:tag1,org/repo:tag2"';
    const context = contextOf({ Dockerfile: 'FROM scratch\nCOPY <<EOF /foo\nhello\nEOF\n' });
    for (const tar of [false, true]) {
      const dest = mkdtempSync(join(world.dir, 'names-'));
      const to = tar ? join(dest, 'a.tar') : dest;
      world.ok('build', '-q', '-o', `type=oci,tar=${String(tar)},dest=${to},${name}`, context);
      if (tar) execFileSync('tar', ['-xf', to, '-C', dest]);
      const [one, two, ...more] = manifests(dest);
      assert.ok(one !== undefined && two !== undefined && more.length === 0);
      assert.deepEqual({ ...one, annotations: {} }, { ...two, annotations: {} });
      for (const [entry, tag] of [
        [one, 'tag1'],
        [two, 'tag2'],
      ] as const) {
        const { annotations = {} } = entry;
        assert.equal(annotations['io.containerd.image.name'], `docker.io/org/repo:${tag}`);
        assert.equal(annotations['org.opencontainers.image.ref.name'], tag);
      }
    }
  });

  test("a named context's image is for the platform of FROM, not of the target (testNamedImageContextPlatform)", () => {
    const layout = layoutOf('FROM bb\n', '--build-arg=BUILDKIT_MULTI_PLATFORM=1');
    const given = `--build-context=alpine=docker-image://${push(layout, 'here:v1')}`;
    const dockerfile = 'FROM --platform=$BUILDPLATFORM alpine AS target\nRUN echo hello\n';
    world.ok('build', '--platform=linux/s390x', given, contextOf({ Dockerfile: dockerfile }));
  });

  test('what derives from a named context has a time of its own (testNamedImageContextTimestamps)', () => {
    const steps = 'FROM alpine\nRUN echo foo >> /test\n';
    const base = layoutOf(steps.replace('alpine', 'bb'));
    const given = `--build-context=alpine=docker-image://${push(base, 'timed:v1')}`;
    const [before, own] = [imageIn(base), imageIn(layoutOf(steps, given))];
    const between = Date.parse(own.created) - Date.parse(before.created);
    assert.ok(between > 0 && between < 600_000, `${before.created} ${own.created}`);
  });

  test('a layout as the whole image keeps its config (testNamedOCILayoutContextExport)', () => {
    const layout = layoutOf('FROM scratch\nWORKDIR /test\nENV foo=bar\n');
    const { digest } = manifests(layout)[0]!;
    const given = `--build-context=nonexistent=oci-layout://${layout}@${digest}`;
    const { config } = imageIn(layoutOf('FROM nonexistent AS base\n', given));
    assert.equal(config.WorkingDir, '/test');
    assert.ok(config.Env?.includes('foo=bar'));
  });

  test("a trigger of a layout's image finds a stage (testOnBuildNamedContext)", () => {
    const layout = layoutOf('FROM bb\nONBUILD COPY --from=otherstage /testfile /out/foo\n');
    const { digest } = manifests(layout)[0]!;
    const context = contextOf({
      Dockerfile: `FROM bb AS otherstage
RUN echo -n hello > /testfile
FROM base AS inputstage
FROM scratch
COPY --from=inputstage /out/foo /bar
`,
    });
    const out = mkdtempSync(join(world.dir, 'out-'));
    world.ok('build', `--build-context=base=oci-layout://${layout}@${digest}`, '-o', out, context);
    assert.equal(readFileSync(join(out, 'bar'), 'utf8'), 'hello');
  });

  test("a base's os.version goes on (testMaintainBaseOSVersion)", () => {
    const layout = layoutOf('FROM scratch\nCOPY foo /foo\n');
    const [entry] = manifests(layout);
    const manifest = blob(layout, entry!) as { config: Descriptor };
    const store = (value: object): Descriptor => {
      const bytes = Buffer.from(JSON.stringify(value));
      const hex = execFileSync('sha256sum', { input: bytes }).toString().slice(0, 64);
      writeFileSync(join(layout, 'blobs/sha256', hex), bytes);
      return { ...manifest.config, digest: `sha256:${hex}`, size: bytes.length };
    };
    const config = store({ ...imageIn(layout), 'os.version': '10.0.20348.1006' });
    const { digest, size } = store({ ...manifest, config });
    const index = { schemaVersion: 2, manifests: [{ ...entry, digest, size }] };
    writeFileSync(join(layout, 'index.json'), JSON.stringify(index));
    const base = push(layout, 'versioned:v1');
    const derived = imageIn(layoutOf(`FROM ${base}\nCOPY foo /other\n`));
    assert.equal(derived['os.version'], '10.0.20348.1006');
  });
});

test('a socket of the context becomes an empty file (testCopySocket)', async () => {
  using world = staveWorld();
  const context = join(world.dir, 'context');
  mkdirSync(context);
  writeFileSync(join(context, 'Dockerfile'), 'FROM scratch\nCOPY . /\n');
  const server = createServer().listen(join(context, 'socket.sock'));
  const out = join(world.dir, 'out');
  const { status, stderr } = await world.start(['build', '-o', out, context]);
  server.close();
  assert.equal(status, 0, stderr);
  const stat = statSync(join(out, 'socket.sock'));
  assert.ok(stat.isFile() && stat.size === 0);
});

test('after two builds all can be taken away (testCacheReleased)', () => {
  using world = staveWorld();
  const base = busyboxContext(world.dir);
  const context = join(world.dir, 'context');
  mkdirSync(context);
  writeFileSync(join(context, 'Dockerfile'), 'FROM bb\nRUN --mount=type=cache,target=/c true\n');
  world.ok('build', '-q', '-t', 'bb', base);
  for (const tag of ['one', 'two']) world.ok('build', '-q', '-t', tag, context);
  world.ok('system', 'prune', '-af');
  world.ok('builder', 'prune', '-af');
  // What a copy read is remembered for an hour, to say what changed.
  const kinds = ['blobs/sha256', 'refs', 'records/definition', 'records/content', 'mounts'];
  const files = [...kinds, 'leases', 'tmp', 'trash', 'locks'].flatMap((name) =>
    readdirSync(join(world.root, name), { recursive: true, withFileTypes: true }),
  );
  assert.deepEqual(
    files.filter((file) => !file.isDirectory()).map(({ name }) => name),
    [],
  );
  assert.deepEqual(
    readdirSync(join(world.root, 'trees')).filter((name) => /^[0-9a-f]{32}$/.test(name)),
    [],
  );
});
