import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { busyboxContext } from '../helpers/busybox.js';
import { staveWorld } from '../helpers/stave.js';

/** Found by playing the labs beside docker. */
describe('names of images', () => {
  const world = staveWorld();
  before(() => {
    world.ok('build', '-q', '-t', 'bb', busyboxContext(world.dir));
  });
  after(() => {
    world.run('rm', '-f', 'user');
    world[Symbol.dispose]();
  });

  test('what no registry gave has no digest to pull it by', () => {
    world.ok('tag', 'bb', 'bb:two');
    assert.equal(world.ok('inspect', '--format', '{{json .RepoDigests}}', 'bb').stdout, '[]\n');
    assert.equal(world.ok('images', '--format', '{{.Digest}}', 'bb:two').stdout, '<none>\n');
    assert.equal(world.ok('rmi', 'bb:two').stdout, 'Untagged: bb:two\n');
  });

  test('templates may ask for what an image does not set; it is not printed', () => {
    const template =
      '{{json .Config.Entrypoint}} {{.Config.Entrypoint}} {{.Config.Volumes}} {{.Config.ExposedPorts}} {{.Config.User}}.';
    assert.equal(world.ok('inspect', '-f', template, 'bb').stdout, 'null [] map[] map[] .\n');
    assert.doesNotMatch(world.ok('inspect', 'bb').stdout, /Entrypoint|Volumes/);
    assert.match(world.run('inspect', '-f', '{{.Config.Nothing}}', 'bb').stderr, /field Nothing/);
  });

  test('a name that a container needs goes by force; the image stays while it runs', () => {
    world.ok('run', '-d', '--name', 'user', 'bb', 'sleep', '1000');
    assert.match(
      world.run('rmi', 'bb').stderr,
      /conflict: unable to remove repository reference "bb" \(must force\) - container [0-9a-f]{12} is using its referenced image [0-9a-f]{12}\n\nhint: .*stave rm -f /,
    );
    assert.equal(world.ok('rmi', '-f', 'bb').stdout, 'Untagged: bb:latest\n');
    const [, , id = ''] = /^(<none>) +(<none>) +(\w+)/m.exec(world.ok('images').stdout) ?? [];
    assert.equal(id, '<none>');
    const image = world.ok('images', '-q').stdout.trim();
    assert.match(world.run('rmi', '-f', image).stderr, /\(cannot be forced\).*running container/);
    world.ok('tag', image, 'bb');
  });

  test('a base that is not there is compared with the names that are, not with their tags', () => {
    const said = (name: string): string => {
      writeFileSync(join(world.dir, 'Dockerfile'), `FROM ${name}\n`);
      return world.run('build', '-f', join(world.dir, 'Dockerfile'), world.dir).stderr;
    };
    world.ok('tag', 'bb', '127.0.0.1:9/base');
    assert.match(
      said('127.0.0.1:9/bsae'),
      /hint: did you mean 127\.0\.0\.1:9\/base:latest, which is/,
    );
    assert.match(
      said('127.0.0.1:9/base:lates'),
      /hint: did you mean 127\.0\.0\.1:9\/base:latest, which/,
    );
    world.ok('tag', 'bb', '127.0.0.1:9/a');
    assert.doesNotMatch(said('127.0.0.1:9/yy'), /which is in the store/);
    world.ok('rmi', '127.0.0.1:9/a', '127.0.0.1:9/base');
  });

  test('images takes one name', () => {
    const { status, stderr } = world.run('images', 'rm', 'bb');
    assert.equal(status, 1);
    assert.match(stderr, /requires at most 1 argument\n\nhint: did you mean stave image rm bb\?/);
  });

  test('a slip in either word of a command', () => {
    assert.match(world.run('conainer', 'prune').stderr, /did you mean stave container prune\?/);
    assert.match(world.run('container', 'prnue').stderr, /did you mean stave container prune\?/);
    assert.match(world.run('iamges').stderr, /did you mean stave images\?/);
  });
});
