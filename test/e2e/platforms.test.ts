import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { busyboxContext } from '../helpers/busybox.js';
import { startRegistry, type TestRegistry } from '../helpers/registry.js';
import { runProgram } from '../helpers/run-program.js';
import { staveWorld } from '../helpers/stave.js';
import { validateLayout } from '../helpers/validate-image.js';

const BOTH = '--platform=linux/amd64,linux/arm64';

interface Entry {
  readonly mediaType: string;
  readonly digest: string;
  readonly platform: { architecture: string; variant?: string };
  readonly annotations?: Record<string, string>;
}
interface Index {
  readonly mediaType: string;
  readonly manifests: readonly Entry[];
  readonly annotations?: Record<string, string>;
}

describe('platforms', () => {
  const world = staveWorld();
  const context = join(world.dir, 'context');
  let registry: TestRegistry;
  before(async () => {
    world.ok('build', '-q', '-t', 'bb', busyboxContext(world.dir));
    mkdirSync(context);
    writeFileSync(join(context, 'file'), 'file');
    registry = await startRegistry(world.dir);
    const archive = join(world.dir, 'multi.tar');
    const base = 'FROM scratch\nARG TARGETARCH\nCOPY file /$TARGETARCH\n';
    succeed(base, BOTH, '-t', 'pushed:v1', '-o', `type=oci,dest=${archive}`);
    const to = `docker://${registry.host}/team/multi:v1`;
    runProgram('skopeo', 'copy', '--all', '--dest-tls-verify=false', `oci-archive:${archive}`, to);
  });
  after(async () => {
    await registry[Symbol.asyncDispose]();
    world[Symbol.dispose]();
  });

  function build(dockerfile: string, ...args: string[]) {
    const file = join(world.dir, 'Dockerfile');
    writeFileSync(file, dockerfile);
    return world.run('build', '--progress=plain', '-f', file, ...args, context);
  }
  function succeed(dockerfile: string, ...args: string[]): string {
    const { status, stderr } = build(dockerfile, ...args);
    assert.equal(status, 0, stderr);
    return stderr;
  }
  function refuse(dockerfile: string, ...args: string[]): string {
    const { status, stderr } = build(dockerfile, ...args);
    assert.equal(status, 1, stderr);
    assert.doesNotMatch(stderr, /^\s+at /m);
    return stderr;
  }
  const stored = (digest: string): unknown =>
    JSON.parse(readFileSync(join(world.root, 'blobs/sha256', digest.slice(7)), 'utf8'));
  const inspect = (name: string, format: string): string =>
    world.ok('image', 'inspect', '--format', format, name).stdout.trim();

  test('several give an index, an image each, in the store and in a layout (testExportMultiPlatform)', () => {
    const layout = join(world.dir, 'layout');
    const said = succeed(
      'FROM scratch\nARG TARGETPLATFORM\nARG TARGETVARIANT\nCOPY file /\nLABEL p=$TARGETPLATFORM v=$TARGETVARIANT\n',
      ...['--platform', 'linux/amd64,arm64', '--platform=linux/arm/v6', '--platform=aarch64'],
      ...['-t', 'multi', '-o', `type=oci,tar=false,dest=${layout}`],
    );
    assert.match(said, /\[linux\/arm\/v6 1\/1\] COPY file \//);
    assert.deepEqual(validateLayout(layout), []);
    const { Descriptor } = JSON.parse(inspect('multi', '{{json .}}')) as { Descriptor: Entry };
    assert.equal(Descriptor.mediaType, 'application/vnd.oci.image.index.v1+json');
    const index = stored(Descriptor.digest) as Index;
    assert.deepEqual(
      index.manifests.map(({ platform }) => [platform.architecture, platform.variant]),
      [
        ['amd64', undefined],
        ['arm64', undefined],
        ['arm', 'v6'],
      ],
    );
    const raw = JSON.parse(
      runProgram('skopeo', 'inspect', '--raw', `oci:${layout}:latest`),
    ) as Index;
    assert.deepEqual(
      raw.manifests.map(({ platform }) => platform),
      index.manifests.map(({ platform }) => platform),
    );
    const labels = ['amd64', 'arm64', 'arm'].map((arch) => {
      const override = [
        '--override-arch',
        arch,
        ...(arch === 'arm' ? ['--override-variant=v6'] : []),
      ];
      const seen = runProgram('skopeo', ...override, 'inspect', `oci:${layout}:latest`);
      return (JSON.parse(seen) as { Labels: unknown }).Labels;
    });
    assert.deepEqual(labels, [
      { p: 'linux/amd64', v: '' },
      { p: 'linux/arm64', v: '' },
      { p: 'linux/arm/v6', v: 'v6' },
    ]);
  });

  test("image commands take the machine's image of an index", () => {
    const dockerfile =
      'FROM --platform=$BUILDPLATFORM bb AS tools\nFROM scratch\nARG TARGETARCH\nCOPY --from=tools /bin /bin\nENV ARCH=$TARGETARCH\nCMD ["/bin/sh","-c","echo $ARCH"]\n';
    succeed(dockerfile, BOTH, '-t', 'tools');
    assert.equal(world.ok('run', '--rm', 'tools').stdout, 'amd64\n');
    assert.equal(inspect('tools', '{{.Architecture}}'), 'amd64');
    assert.match(world.ok('images').stdout, /^tools +latest +[0-9a-f]{12}/m);
    assert.match(world.ok('history', 'tools').stdout, /ENV ARCH=amd64/);
    const archive = join(world.dir, 'saved.tar');
    world.ok('save', '-o', archive, 'tools');
    world.ok('tag', 'tools', 'tools:again');
    assert.equal(inspect('tools:again', '{{.Descriptor.mediaType}}').includes('index'), true);
    world.ok('rmi', 'tools', 'tools:again');
    assert.match(world.ok('load', '-i', archive).stdout, /tools:latest/);
    assert.equal(world.ok('run', '--rm', 'tools').stdout, 'amd64\n');
  });

  test('files of several leave in directories (testTarExporterMulti)', () => {
    const [dir, tar] = [join(world.dir, 'split'), join(world.dir, 'split.tar')];
    const file = 'FROM scratch\nCOPY file /d/\n';
    succeed(file, '--platform=arm64,arm', '-o', dir, '-o', `type=tar,dest=${tar}`);
    assert.deepEqual(readdirSync(dir).sort(), ['linux_arm64', 'linux_arm_v7']);
    assert.deepEqual(readdirSync(join(dir, 'linux_arm_v7/d')), ['file']);
    const names = runProgram('tar', '-tf', tar).trim().split('\n');
    assert.deepEqual(
      names,
      ['linux_arm64', 'linux_arm_v7'].flatMap((each) => [
        `${each}/`,
        `${each}/d/`,
        `${each}/d/file`,
      ]),
    );
    const one = join(world.dir, 'one');
    succeed(file, '--platform=arm64', '-o', `type=local,dest=${one},platform-split=true`);
    assert.deepEqual(readdirSync(one), ['linux_arm64']);
    assert.match(
      refuse(file, BOTH, '-o', `type=local,dest=${one},platform-split=false`),
      /overwrite each other/,
    );
    assert.match(refuse(file, BOTH, '-o', `type=docker,dest=${tar}`), /type=oci/);
  });

  test('a base is resolved for each from an index, and kept', () => {
    using fresh = staveWorld();
    const name = `${registry.host}/team/multi:v1`;
    const file = join(fresh.dir, 'Dockerfile');
    writeFileSync(file, `FROM ${name}\nARG TARGETARCH\nCOPY file /copied-$TARGETARCH\n`);
    const dest = join(fresh.dir, 'out');
    const args = ['build', '--progress=plain', '-f', file, '-o', dest, BOTH, context];
    const said = fresh.ok(...args).stderr;
    assert.match(said, /\[linux\/arm64 internal\] load metadata for /);
    assert.deepEqual(readdirSync(join(dest, 'linux_arm64')).sort(), ['arm64', 'copied-arm64']);
    assert.deepEqual(readdirSync(join(dest, 'linux_amd64')).sort(), ['amd64', 'copied-amd64']);
    assert.match(fresh.ok('images').stdout, /team\/multi +v1/);
    const env = { ...fresh.env, http_proxy: 'http://127.0.0.1:1' };
    const again = spawnSync('bin/stave', args, { env, encoding: 'utf8' });
    assert.equal(again.status, 0, again.stderr);
    const s390x = fresh.run('build', '-f', file, '--platform=s390x', '--pull', context);
    assert.match(s390x.stderr, /no match for platform linux\/s390x[^]*linux\/amd64, linux\/arm64/);
  });

  test('image pull --platform', () => {
    using fresh = staveWorld();
    fresh.ok('pull', '--platform=arm64', `${registry.host}/team/multi:v1`);
    const { stdout } = fresh.ok(
      'image',
      'inspect',
      '--format',
      '{{.Architecture}}',
      `${registry.host}/team/multi:v1`,
    );
    assert.equal(stdout, 'arm64\n');
  });

  test('a foreign RUN is refused before anything runs', () => {
    const said = refuse(
      `FROM bb AS first\nRUN echo ran\nFROM ${registry.host}/team/multi:v1\nCOPY --from=first /bin /bin\nRUN true\n`,
      '--platform=arm64',
    );
    assert.match(
      said,
      /Dockerfile:2: RUN for linux\/arm64 cannot run on this linux\/amd64 machine/,
    );
    assert.match(said, /hint: apt-get install qemu-user-static binfmt-support/);
    assert.doesNotMatch(said, /why: /);
  });

  test('FROM --platform=$BUILDPLATFORM runs here for there (testPlatformArgsImplicit, TestResolveBuildPlatforms)', () => {
    const dest = join(world.dir, 'cross');
    const said = succeed(
      'FROM --platform=$BUILDPLATFORM bb AS make\nARG TARGETPLATFORM\nARG BUILDPLATFORM\nRUN echo $BUILDPLATFORM-$TARGETPLATFORM > /made\nFROM scratch\nCOPY --from=make /made /\n',
      ...[BOTH, '-o', dest],
    );
    assert.equal(readFileSync(join(dest, 'linux_arm64/made'), 'utf8'), 'linux/amd64-linux/arm64\n');
    assert.equal(readFileSync(join(dest, 'linux_amd64/made'), 'utf8'), 'linux/amd64-linux/amd64\n');
    assert.equal(said.match(/^#\d+ \[linux\/amd64 make 1\/2\] FROM/gm)?.length, 1);
  });

  test('--build-arg overrides a platform argument (testPlatformArgsExplicit)', () => {
    succeed(
      'FROM scratch\nARG TARGETOS\nARG TARGETARCH\nLABEL is=$TARGETOS-$TARGETARCH\n',
      ...['--platform=arm64', '--build-arg=TARGETOS=freebsd', '-t', 'args'],
    );
    assert.equal(
      inspect('args', '{{.Config.Labels.is}}/{{.Os}}/{{.Architecture}}'),
      'freebsd-arm64/linux/arm64',
    );
  });

  test('what --platform and FROM --platform cannot be', () => {
    assert.match(refuse('FROM scratch\n', '--platform=linux/amd46'), /did you mean linux\/amd64\?/);
    assert.match(refuse('FROM scratch\n', '--platform=windows/amd64'), /builds linux images/);
    assert.match(refuse('FROM --platform=linux/amd46 bb\n'), /Dockerfile:1: .*linux\/amd46/);
    assert.match(
      refuse('FROM --platform=$TARGETPLATFROM bb\n'),
      /empty platform value from expression \$TARGETPLATFROM[^]*did you mean \$TARGETPLATFORM\?/,
    );
  });

  test('$DOCKER_DEFAULT_PLATFORM, and an index of one (TestResolveTargetPlatform)', () => {
    const file = join(world.dir, 'Dockerfile');
    writeFileSync(file, 'FROM scratch\nCOPY file /\n');
    const env = { ...world.env, DOCKER_DEFAULT_PLATFORM: 'linux/arm64' };
    const args = ['build', '-q', '-t', 'default', '-f', file, context];
    assert.equal(spawnSync('bin/stave', args, { env }).status, 0);
    assert.equal(inspect('default', '{{.Architecture}}'), 'arm64');
    world.ok(...args, '--build-arg=BUILDKIT_MULTI_PLATFORM=1');
    assert.match(inspect('default', '{{.Descriptor.mediaType}}'), /index/);
    const both = world.run(...args, BOTH, '--build-arg=BUILDKIT_MULTI_PLATFORM=0');
    assert.match(both.stderr, /exclude each other/);
  });

  test('a base of another platform warns and is used; the image is what was asked for (TestImplicitTargetPlatform)', () => {
    const archive = join(world.dir, 'other.tar');
    const base = 'FROM scratch\nCOPY file /\n';
    succeed(base, '--platform=s390x', '-t', 'other', '-o', `type=oci,dest=${archive}`);
    const implicit = succeed('FROM other\nCOPY file /new\n', '-t', 'child');
    assert.match(
      implicit,
      /InvalidBaseImagePlatform: Base image other was pulled with platform "linux\/s390x", expected "linux\/amd64" for current build/,
    );
    assert.equal(inspect('child', '{{.Architecture}}'), 's390x');
    succeed('FROM other\nCOPY file /new\n', '-t', 'child', '--platform=arm64');
    assert.equal(inspect('child', '{{.Architecture}}'), 'arm64');
  });

  test('images without layers have an index too (testMultiNilRefsOCIExporter)', () => {
    const dest = join(world.dir, 'nothing');
    succeed('FROM scratch\nENV A=1\n', BOTH, '-o', `type=oci,tar=false,dest=${dest}`);
    assert.deepEqual(validateLayout(dest), []);
  });

  test('annotations of manifest, index and their descriptors', () => {
    const dest = join(world.dir, 'annotated');
    succeed(
      'FROM scratch\nCOPY file /\n',
      ...[BOTH, '-t', 'annotated', '-o', `type=oci,tar=false,dest=${dest},annotation-index.o=p`],
      ...['--annotation', 'a=b', '--annotation', 'index,manifest[linux/arm64]:c=d'],
      ...['--annotation', 'manifest-descriptor:e=f', '--annotation', 'index-descriptor:g=h'],
    );
    const blob = (digest: string): unknown =>
      JSON.parse(readFileSync(join(dest, 'blobs/sha256', digest.slice(7)), 'utf8'));
    const top = JSON.parse(readFileSync(join(dest, 'index.json'), 'utf8')) as Index;
    const [entry] = top.manifests;
    assert.ok(entry);
    assert.equal(entry.annotations?.['g'], 'h');
    const index = blob(entry.digest) as Index;
    assert.deepEqual(index.annotations, { c: 'd', o: 'p' });
    assert.deepEqual(
      index.manifests.map(({ annotations }) => annotations),
      [{ e: 'f' }, { e: 'f' }],
    );
    const manifests = index.manifests.map(({ digest }) => (blob(digest) as Index).annotations);
    assert.deepEqual(manifests, [{ a: 'b' }, { a: 'b', c: 'd' }]);
    const { Descriptor } = JSON.parse(inspect('annotated', '{{json .}}')) as { Descriptor: Entry };
    assert.deepEqual((stored(Descriptor.digest) as Index).annotations, { c: 'd' });
    assert.match(refuse('FROM scratch\n', '--annotation=index:a=b'), /needs an index/);
  });
});
