import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { busyboxContext } from '../helpers/busybox.js';
import { git as runGit, newRepository, startGitServer } from '../helpers/git-server.js';
import { staveWorld } from '../helpers/stave.js';
import { startWeb } from '../helpers/web-server.js';

interface Report {
  readonly Ref: string;
  readonly Status: string;
  readonly Error?: { readonly Message: string; readonly Logs: string[]; readonly Source: string[] };
  readonly ImageID?: string;
  readonly Flags: string[];
  readonly VCSRepository?: string;
  readonly VCSRevision?: string;
  readonly Config: object;
  readonly Materials?: readonly { readonly URI: string; readonly Digests: readonly string[] }[];
  readonly Steps: readonly {
    readonly Number: number;
    readonly Name: string;
    readonly Status: string;
    readonly CachedBy?: string;
    readonly Why?: { readonly text: string };
    readonly LogBytes: number;
  }[];
}

describe('history of builds', () => {
  const world = staveWorld();
  const at = join(world.dir, 'project');
  const builds = join(world.root, 'builds');
  before(() => {
    world.ok('build', '-q', '-t', 'base0', busyboxContext(world.dir));
    mkdirSync(at);
  });
  beforeEach(() => {
    world.ok('history', 'rm', '--all');
  });
  after(() => {
    world[Symbol.dispose]();
  });
  const write = (...lines: string[]): void => {
    writeFileSync(join(at, 'Dockerfile'), `FROM base0\n${lines.join('\n')}\n`);
  };
  const inspect = (...args: string[]): Report =>
    JSON.parse(world.ok('history', 'inspect', '--format', 'json', ...args).stdout) as Report;
  const ids = (...args: string[]): string[] =>
    world
      .ok('history', 'ls', '-q', ...args)
      .stdout.split('\n')
      .filter(Boolean);

  test('what was built, how, and what it gave; the last first', () => {
    write('ARG V', 'RUN echo one $V');
    const first = world.ok('build', '-q', '-t', 'app:1', '--build-arg=V=1', at).stdout.trim();
    world.ok('build', '-q', '-t', 'app:2', '--build-arg=V=2', at);
    world.ok('build', '-q', '-t', 'app:2', '--build-arg=V=2', '--network=none', at);
    const [last, second, oldest] = ids();
    assert.equal(ids().length, 3);
    const rows = world.ok('history', 'ls').stdout.split('\n');
    assert.match(rows[0]!, /^BUILD ID +NAME +STATUS +CREATED AT +DURATION$/);
    assert.match(rows[1]!, /^[a-z][a-z0-9]{19} +project +Completed +.* +\d+\.\ds$/);
    for (const wanted of [oldest!, oldest!.slice(0, 9), 'app:1', 'docker.io/library/app:1', '^2']) {
      const report = inspect(wanted);
      assert.equal(report.Ref, oldest);
      assert.equal(report.ImageID, first);
    }
    assert.equal(inspect('app:2').Ref, last);
    assert.equal(inspect('^1').Ref, second);
    const [run] = inspect('^1').Steps.filter(({ Name }) => Name.includes('RUN'));
    assert.deepEqual(
      [run?.Status, run?.Why?.text, run?.LogBytes],
      ['completed', 'changed: ARG V (1 -> 2)', 'one 2\n'.length],
    );
    assert.deepEqual(inspect().Flags, ['--network none']);
    const text = world.ok('history', 'inspect', '^1').stdout;
    assert.match(text, /^Name: +project$/m);
    assert.match(text, /^Tags: +app:2$/m);
    assert.match(text, /^Build Steps: +2\/2 \(50% cached\)$/m);
    assert.match(text, /^V +2$/m);
    assert.match(text, /RUN echo one 2 +changed: ARG V \(1 -> 2\)$/m);
    assert.equal(world.ok('history', 'inspect', '--format', '{{.Name}}').stdout, 'project\n');
  });

  test('every byte of a step’s output, whatever they are, in plain and rawjson too', () => {
    write(
      'RUN head -c 3000000 /dev/urandom | tee /random',
      'RUN printf "\\033[31mred\\0\\n"; echo e >&2',
    );
    world.ok('build', '-q', '-t', 'bytes', at);
    const { root } = world;
    const hash = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
    const written = readdirSync(join(root, 'trees'), { withFileTypes: true })
      .map(({ name }) => join(root, 'trees', name, 'fs/random'))
      .find((file) => statSync(file, { throwIfNoEntry: false }) !== undefined);
    const raw = world.bytes('history', 'logs', '--progress=raw', '--step', '2/3');
    assert.equal(raw.length, 3_000_000);
    assert.equal(hash(raw), hash(readFileSync(written!)));
    const lines = world.ok('history', 'logs', '--progress=rawjson', '--step', '2/3').stdout;
    const parts = lines
      .split('\n')
      .filter(Boolean)
      .flatMap((line) => (JSON.parse(line) as { logs?: { data: string }[] }).logs ?? [])
      .map(({ data }) => Buffer.from(data, 'base64'));
    assert.equal(hash(Buffer.concat(parts)), hash(raw));
    const second = world.bytes('history', 'logs', '--progress=raw', '--step', 'printf').toString();
    assert.deepEqual(
      [second.includes('\x1b[31mred\0\n'), second.includes('e\n'), second.length],
      [true, true, 12],
    );
    const plain = world.ok('history', 'logs', '--step', 'printf').stdout;
    const number = inspect().Steps.find(({ Name }) => Name.includes('printf'))!.Number;
    assert.match(plain, new RegExp(`^#${String(number)} \\[3/3\\] RUN printf`));
    assert.match(plain, /^#\d+ \d\.\d+ \x1b\[31mred\\x00$/m);
  });

  test('logs are as plain output was', () => {
    write('RUN echo said; echo more >&2', 'COPY Dockerfile /d');
    const shown = world.ok('build', '--progress=plain', '-t', 'app:1', at).stderr;
    const kept = world.ok('history', 'logs').stdout;
    assert.equal(shown.slice(0, kept.length), kept);
    assert.match(kept, /^#\d+ \d\.\d+ said$/m);
  });

  test('a build that is cached whole is one small file', () => {
    write('RUN echo a > /a', 'RUN echo b > /b', 'COPY Dockerfile /d');
    world.ok('build', '-q', at);
    world.ok('build', '-q', at);
    const [last] = ids();
    assert.deepEqual(readdirSync(join(builds, last!)), ['events']);
    assert.ok(statSync(join(builds, last!, 'events')).size < 6000);
    assert.deepEqual(
      inspect()
        .Steps.filter(({ Name }) => /^\[(?!internal)/.test(Name))
        .map(({ Status, CachedBy }) => [Status, CachedBy]),
      Array(4).fill(['cached', 'definition']),
    );
  });

  test('one that failed has its error, the lines of the Dockerfile and the end of the output (testHistoryError)', () => {
    write('RUN echo before', 'RUN echo reason >&2; exit 3');
    world.run('build', '-q', at);
    const { Status, Error: error, Steps } = inspect();
    assert.equal(Status, 'failed');
    assert.match(error!.Message, /exit code: 3/);
    assert.deepEqual(error!.Source, ['RUN echo reason >&2; exit 3']);
    assert.match(error!.Logs.join('\n'), /reason/);
    assert.equal(Steps.find(({ Name }) => Name.includes('exit 3'))?.Status, 'failed');
    assert.match(world.ok('history', 'ls').stdout, / Error /);
    assert.equal(ids('--filter', 'status=error').length, 1);
    write('RNU x');
    world.run('build', '-q', at);
    assert.match(inspect().Error!.Message, /RNU/);
  });

  test('running, cancelled and killed builds are said to be that', async () => {
    write('RUN echo begun; sleep 300');
    const begin = () => spawn('bin/stave', ['build', '--progress=plain', at], { env: world.env });
    for (const [signal, status] of [
      ['SIGINT', 'canceled'],
      ['SIGKILL', 'killed'],
    ] as const) {
      const child = begin();
      const ended = new Promise((resolve) => child.once('close', resolve));
      await new Promise<void>((resolve) => {
        child.stderr.on('data', (data: Buffer) => {
          if (data.includes(' begun')) resolve();
        });
      });
      assert.equal(inspect().Status, 'running');
      assert.match(world.run('history', 'rm', '^0').stderr, /^ERROR: build \S+ is running/);
      child.kill(signal);
      await ended;
      assert.equal(inspect().Status, status);
      assert.equal(ids('--filter', `status=${status}`).length, 1);
    }
    // What was written before the kill is there: a step that begins is written at once, its output soon.
    assert.equal(inspect().Steps.find(({ Name }) => Name.includes('begun'))?.Status, 'running');
    world.ok('store', 'check');
  });

  test('no secret and no credential is in it', () => {
    write('ARG API_TOKEN', 'ARG REPO', 'RUN echo $API_TOKEN $REPO > /dev/null', 'RUN exit 1');
    const args = [
      '--build-arg=API_TOKEN=canary-token-1',
      '--build-arg=REPO=https://me:canary-2@h/x',
    ];
    world.run('build', '-q', ...args, at);
    const again = args.map((arg) => arg.replace('canary', 'canary-again'));
    world.run('build', '-q', ...again, at);
    const kept = readdirSync(builds, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'latin1'))
      .join('');
    assert.doesNotMatch(kept, /canary/);
    assert.match(world.ok('history', 'inspect').stdout, /^API_TOKEN +\*{4}$/m);
    assert.match(world.ok('history', 'inspect').stdout, /^REPO +https:\/\/xxxxx:xxxxx@h\/x$/m);
  });

  test('where the sources come from, as buildx tells it: repository, revision, materials', async () => {
    const clone = newRepository(join(world.dir, 'clone'));
    const git = (...args: string[]): string => runGit(clone, ...args);
    mkdirSync(join(clone, 'app'));
    writeFileSync(join(clone, 'app/Dockerfile'), 'FROM base0\nARG V\nRUN true\n');
    git('add', '.');
    git('commit', '-q', '-m', 'one');
    git('remote', 'add', 'origin', 'https://user:token@example.com/team/app.git');
    const revision = git('rev-parse', 'HEAD');
    const flags = ['--ulimit', 'nofile=1000:2000', '--add-host', 'h:10.0.0.1', '--no-cache'];
    world.ok('build', '-q', ...flags, '--build-arg=SOURCE_DATE_EPOCH=1', join(clone, 'app'));
    const report = inspect();
    const shown = 'https://xxxxx:xxxxx@example.com/team/app.git';
    assert.deepEqual([report.VCSRepository, report.VCSRevision], [shown, revision]);
    const [material, ...more] = report.Materials ?? [];
    assert.deepEqual(more, []);
    assert.match(material!.URI, /^pkg:docker\/base0@latest\?platform=linux%2F(amd|arm)64$/);
    assert.match(material!.Digests.join(), /^sha256:[0-9a-f]{64}$/);
    assert.deepEqual(report.Config, {
      ...{ ExtraHosts: ['h:10.0.0.1'], ImageResolveMode: 'local', NoCache: true },
      ...{ SourceDateEpoch: '1', Ulimit: 'nofile=1000:2000' },
    });
    const text = world.ok('history', 'inspect').stdout;
    assert.ok(text.includes(`\nVCS Repository: ${shown}\nVCS Revision:   ${revision}\n`), text);
    assert.match(
      text,
      /\nImage Resolve Mode: +local\nNo Cache: +true\nResource Limits: +nofile=1000:2000\n/,
    );
    assert.match(text, /\nMaterials:\nURI +DIGEST\npkg:docker\/base0@latest\S+ +sha256:\S+\n/);
    assert.equal(
      world.ok('history', 'inspect', '--format', '{{.VCSRevision}}').stdout,
      `${revision}\n`,
    );
    assert.equal(ids('--filter', 'repository=team/app').length, 1);
    assert.equal(ids('--filter', 'repository=team/other').length, 0);
    // A branch that is packed, a detached head, another worktree; and who does not want it.
    git('pack-refs', '--all');
    world.ok('build', '-q', join(clone, 'app'));
    assert.equal(inspect().VCSRevision, revision);
    const tree = join(world.dir, 'worktree');
    git('worktree', 'add', '-q', '--detach', tree);
    world.ok('build', '-q', join(tree, 'app'));
    assert.deepEqual([inspect().VCSRevision, inspect().VCSRepository], [revision, shown]);
    const app = join(tree, 'app');
    const variables = { BUILDX_GIT_INFO: 'false', BUILDX_GIT_LABELS: '1' };
    const label = ['--label', 'org.opencontainers.image.source=mine'];
    const silent = await world.start(['build', '-q', ...label, '-t', 'labelled', app], variables);
    assert.equal(silent.status, 0, silent.stderr);
    assert.equal(inspect().VCSRevision, undefined);
    const labels = world.ok('image', 'inspect', '-f', '{{json .Config.Labels}}', 'labelled').stdout;
    assert.deepEqual(JSON.parse(labels), {
      'com.docker.image.source.entrypoint': 'app/Dockerfile',
      'org.opencontainers.image.revision': revision,
      'org.opencontainers.image.source': 'mine',
    });
  });

  test('repositories and files of the web are materials, too', async () => {
    const root = join(world.dir, 'served');
    const repository = newRepository(join(root, 'app.git'));
    await using files = await startWeb((_request, response) => response.end('text'));
    const lines = ['FROM scratch', `ADD ${files.url}/file.txt /`];
    writeFileSync(join(repository, 'Dockerfile'), lines.join('\n'));
    runGit(repository, 'add', '.');
    runGit(repository, 'commit', '-q', '-m', 'one');
    const commit = runGit(repository, 'rev-parse', 'HEAD');
    await using server = await startGitServer(root);
    const context = `${server.url}/app.git#main`;
    // The second time nothing comes that is known.
    for (let i = 0; i < 2; i++) {
      const built = await world.start(['build', '-q', context]);
      assert.equal(built.status, 0, built.stderr);
      assert.deepEqual(inspect().Materials, [
        { URI: context, Digests: [`sha1:${commit}`] },
        {
          URI: `${files.url}/file.txt`,
          Digests: [`sha256:${createHash('sha256').update('text').digest('hex')}`],
        },
      ]);
    }
  });

  test('filters, formats, and what is not there', () => {
    write('RUN true');
    world.ok('build', '-q', '-t', 'app:1', at);
    world.ok('build', '-q', '-t', 'other', busyboxContext(world.dir));
    const [last, first] = ids();
    const chosen = (filter: string): string[] => ids('--filter', filter);
    assert.deepEqual(chosen(`ref=${first!.slice(3, 9)}`), [first]);
    assert.deepEqual(chosen(`ref!=${first!}`), [last]);
    assert.deepEqual(chosen('duration<1h').length, 2);
    assert.deepEqual(chosen('duration>1h'), []);
    assert.deepEqual(chosen('startedAt>1h').length, 2);
    assert.deepEqual(chosen('completedAt<2020-01-01'), []);
    assert.deepEqual(chosen('status!=completed'), []);
    const json = world.ok('history', 'ls', '--format', 'json').stdout.split('\n');
    assert.deepEqual(Object.keys(JSON.parse(json[0]!) as object), [
      ...['cached_steps', 'completed_at', 'completed_steps', 'created_at', 'name', 'ref'],
      ...['status', 'total_steps'],
    ]);
    assert.equal(
      world.ok('buildx', 'history', 'ls', '--format', '{{.Ref}} {{.Name}} {{.Status}}').stdout,
      `${last!} busybox-context Completed\n${first!} project Completed\n`,
    );
    const wrong = (...args: string[]): string => world.run('history', ...args).stderr;
    assert.match(
      wrong('ls', '--filter', 'statsu=error'),
      /unsupported filter[^]*did you mean status\?/,
    );
    assert.match(wrong('ls', '--filter', 'status=eror'), /did you mean error\?/);
    assert.match(wrong('ls', '--filter', 'status>error'), /invalid separator/);
    assert.match(wrong('ls', 'app'), /accepts no arguments[^]*stave image history app/);
    assert.match(wrong('inspect', '^9'), /no completed build found with offset 9/);
    assert.match(wrong('inspect', 'zzz'), /no record found for ref "zzz"/);
    assert.match(wrong('inspect', 'app:2'), /did you mean app:1\?/);
    assert.match(wrong('logs', '--step', 'RUN tru'.repeat(9)), /no step of the build is/);
    const other = world.run('buildx', 'history', 'open', '^1').stderr;
    assert.match(other, /buildx history open is not supported[^]*hint: stave history/);
    assert.match(wrong('inspect', 'attachment', '^1'), /attachment is not supported[^]*hint: /);
    assert.match(wrong('rm'), /rm requires at least one argument/);
    assert.match(wrong('rm', '--all', 'x'), /either --all or at least one/);
  });

  test('rm, builder prune -a and system df', () => {
    write('RUN true');
    for (let i = 0; i < 3; i++) world.ok('build', '-q', '-t', 'app:1', at);
    const [last, second] = ids();
    world.ok('history', 'rm', '^1', '^1');
    assert.equal(ids().includes(second!), false);
    assert.equal(ids().length, 2);
    const df = world.ok('system', 'df', '-v', '--format', 'json').stdout;
    assert.match(df, /history of 2 builds/);
    world.ok('builder', 'prune', '-f');
    assert.equal(ids().length, 2);
    assert.match(world.ok('builder', 'prune', '-af', '--dry-run').stdout, new RegExp(last!));
    assert.equal(ids().length, 2);
    world.ok('builder', 'prune', '-af', '--filter', 'until=1h');
    assert.equal(ids().length, 2);
    world.ok('builder', 'prune', '-af');
    assert.deepEqual(ids(), []);
    assert.match(world.run('history', 'inspect').stderr, /^ERROR: no records found/);
    world.ok('build', '-q', '-t', 'app:1', at);
    world.ok('system', 'prune', '-af');
    assert.deepEqual(ids(), []);
    world.ok('build', '-q', '-t', 'base0', busyboxContext(world.dir));
  });
});
