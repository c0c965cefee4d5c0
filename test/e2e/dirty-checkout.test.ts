import assert from 'node:assert/strict';
import { existsSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { git as runGit, newRepository } from '../helpers/git-server.js';
import { staveWorld } from '../helpers/stave.js';

test('a checkout that holds more than its commit is -dirty, and nothing it names is run', async () => {
  using world = staveWorld();
  const clone = newRepository(join(world.dir, 'dirty'));
  const git = (...args: string[]): string => runGit(clone, ...args);
  const ran = join(world.dir, 'ran');
  writeFileSync(join(clone, 'Dockerfile'), 'FROM scratch\nCMD ["true"]\n');
  writeFileSync(join(clone, '.gitignore'), 'ignored\n');
  const sub = newRepository(join(world.dir, 'sub-origin'));
  runGit(sub, 'commit', '-q', '--allow-empty', '-m', 'sub');
  git('submodule', '--quiet', 'add', sub, 'sub');
  git('add', '.');
  git('commit', '-q', '-m', 'one');
  const clean = git('rev-parse', 'HEAD');
  const told = async (asked = 'true'): Promise<string | undefined> => {
    const variables = { BUILDX_GIT_CHECK_DIRTY: asked, BUILDX_GIT_LABELS: '1' };
    const { status, stderr } = await world.start(['build', '-q', '-t', 'it', clone], variables);
    assert.equal(status, 0, stderr);
    const { stdout } = world.ok('history', 'inspect', '--format', 'json');
    return (JSON.parse(stdout) as { VCSRevision?: string }).VCSRevision;
  };
  const dirty = `${clean}-dirty`;
  for (const file of ['untracked', 'ignored', 'sub/in-submodule']) {
    writeFileSync(join(clone, file), '');
    assert.equal(await told(), dirty, file);
    rmSync(join(clone, file));
  }
  const label = '{{index .Config.Labels "org.opencontainers.image.revision"}}';
  assert.equal(world.ok('image', 'inspect', '-f', label, 'it').stdout.trim(), dirty);
  // Of a file that was touched git asks the filters of the checkout, and of all files its monitor.
  for (const directory of [clone, join(clone, 'sub')]) {
    runGit(directory, 'config', 'filter.evil.clean', `touch ${ran}; cat`);
    runGit(directory, 'config', 'filter.evil.required', 'true');
    runGit(directory, 'config', 'core.fsmonitor', `touch ${ran}`);
  }
  git('config', 'status.showUntrackedFiles', 'no');
  writeFileSync(join(clone, '.git/info/attributes'), '* filter=evil\n');
  utimesSync(join(clone, 'Dockerfile'), 1, 1);
  assert.equal(await told(), clean);
  // What git cannot tell is dirty.
  writeFileSync(join(clone, '.git/index'), 'none');
  assert.equal(await told('yes'), clean);
  assert.equal(await told('t'), dirty);
  assert.ok(!existsSync(ran));
});
