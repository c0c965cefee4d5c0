import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { busyboxContext } from '../helpers/busybox.js';
import type { BuildWarning } from '../../src/model/build-options.js';
import { type Outcome, staveWorld } from '../helpers/stave.js';

/** What a user of the package writes: every type it names must be exported, every call be as declared. */
const CONSUMER = `
import { build, BuildError, CancelledError, describeWhy, type Build, type BuildEvent, type BuildOptions, type BuildResult, type BuildWarning, type ErrorCode, type SourceRange, type Why, history, type BuildReport, type BuildSummary, type Trace } from 'stave';

const [what = '', context = ''] = process.argv.slice(2);
const options: BuildOptions = { context, tags: ['app'], buildArgs: { V: '1' }, labels: { a: 'b' } };
const say = (value: unknown): void => { process.stdout.write(JSON.stringify(value) + '\\n'); };

async function events(): Promise<void> {
  await using running: Build = build(options);
  const seen: string[] = [];
  for await (const event of running.events as AsyncIterable<BuildEvent>) {
    if (event.type === 'vertex-started' && event.why !== undefined) seen.push(describeWhy(event.why as Why));
    if (event.type === 'log') seen.push(Buffer.from(event.data).toString().trim());
  }
  const result: BuildResult = await running.result;
  const warnings: readonly BuildWarning[] = result.warnings;
  say({ seen, imageId: result.imageId, names: result.names, warnings });
}

async function failure(): Promise<void> {
  try {
    await build(options).result;
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
    const code: ErrorCode = error.code;
    const range: SourceRange | undefined = error.range;
    say({ code, message: error.message, line: range?.startLine, details: error.details, hint: error.hint });
  }
}

async function abort(): Promise<void> {
  const controller = new AbortController();
  const reason = new Error('enough');
  const running = build({ ...options, signal: controller.signal });
  for await (const event of running.events) if (event.type === 'log') controller.abort(reason);
  say({ same: (await running.result.catch((error: unknown) => error)) === reason });
}

async function dispose(): Promise<void> {
  const running = build(options);
  for await (const event of running.events) if (event.type === 'log') break;
  await running[Symbol.asyncDispose]();
  say({ cancelled: (await running.result.catch((error: unknown) => error)) instanceof CancelledError });
}

async function wait(): Promise<void> {
  for await (const event of build(options).events) if (event.type === 'log') say(Buffer.from(event.data).toString());
}

async function past(): Promise<void> {
  await build({ ...options, rebuild: ['RUN echo'] }).result;
  const [last]: readonly BuildSummary[] = await history.list();
  const report: BuildReport = await history.inspect('app');
  const logs: string[] = [];
  for await (const event of history.events('^0') as AsyncIterable<BuildEvent>)
    if (event.type === 'log') logs.push(Buffer.from(event.data).toString());
  const trace: Trace = await history.trace();
  const [id, ...none] = [await history.remove('^0'), ...(await history.list())];
  const gone = await history.inspect(id).catch((error: unknown) => error instanceof BuildError && error.code);
  say({ status: last?.status, why: report.Steps.flatMap(({ Why }) => Why?.text ?? []), logs, spans: trace.traceEvents.length, same: id === report.Ref, none, gone });
}

const all: Readonly<Record<string, () => Promise<void>>> = { events, failure, abort, dispose, wait, past };
await all[what]?.();
`;

describe('import { build } from stave', () => {
  const world = staveWorld();
  const project = join(world.dir, 'consumer');
  before(() => {
    world.ok('build', '-q', '-t', 'bb', busyboxContext(world.dir));
    mkdirSync(join(project, 'node_modules/@types'), { recursive: true });
    symlinkSync(process.cwd(), join(project, 'node_modules/stave'));
    symlinkSync(
      join(process.cwd(), 'node_modules/@types/node'),
      join(project, 'node_modules/@types/node'),
    );
    writeFileSync(join(project, 'package.json'), '{"type":"module","private":true}');
    writeFileSync(join(project, 'consumer.ts'), CONSUMER);
    const compilerOptions = {
      strict: true,
      module: 'nodenext',
      target: 'es2022',
      lib: ['es2024', 'esnext.disposable'],
      types: ['node'],
      exactOptionalPropertyTypes: true,
    };
    writeFileSync(
      join(project, 'tsconfig.json'),
      JSON.stringify({ compilerOptions, files: ['consumer.ts'] }),
    );
    const tsc = join(process.cwd(), 'node_modules/typescript/bin/tsc');
    const compiled = spawnSync('node', [tsc, '-p', project], { encoding: 'utf8' });
    assert.equal(compiled.status, 0, compiled.stdout);
  });
  after(() => {
    world[Symbol.dispose]();
  });

  let count = 0;
  const context = (dockerfile: string): string => {
    const at = join(world.dir, `context-${count++}`);
    mkdirSync(at);
    writeFileSync(join(at, 'Dockerfile'), dockerfile);
    return at;
  };
  const consume = (
    what: string,
    at: string,
  ): Outcome & { readonly json: Record<string, unknown> } => {
    const run = spawnSync('node', ['consumer.js', what, at], {
      cwd: project,
      env: world.env,
      encoding: 'utf8',
    });
    assert.equal(run.status, 0, run.stderr);
    return { ...run, json: JSON.parse(run.stdout) as Record<string, unknown> };
  };
  const LONG = 'FROM bb\nRUN echo up; sleep 1000\n';
  /** Leases are locked files: what lives, or has not been swept, has one. */
  const alive = (): string[] => readdirSync(join(world.root, 'leases'));
  const processesOf = (): string[] =>
    readdirSync('/proc').filter((pid) => {
      if (!/^\d+$/.test(pid)) return false;
      try {
        return readFileSync(`/proc/${pid}/environ`, 'utf8').includes(`STAVE_ROOT=${world.root}\0`);
      } catch {
        return false; // It ended while we looked.
      }
    });

  test('events tell the story, the result names the image', () => {
    const { json } = consume('events', context('FROM bb\nARG V\nRUN echo v=$V\nMAINTAINER me\n'));
    assert.deepEqual(json['seen'], ['never built', 'v=1']);
    assert.match(String(json['imageId']), /^sha256:[0-9a-f]{64}$/);
    assert.deepEqual(json['names'], ['docker.io/library/app:latest']);
    const [warning, ...more] = json['warnings'] as BuildWarning[];
    assert.match(warning?.message ?? '', /^MaintainerDeprecated: /);
    assert.equal(warning?.range?.startLine, 4);
    assert.deepEqual(more, []);
    assert.equal(
      world.ok('inspect', '-f', '{{.Id}} {{.Config.Labels.a}}', 'app').stdout.trim(),
      `${String(json['imageId'])} b`,
    );
  });

  test('a BuildError has code, place, details and hint on this side too', () => {
    const failed = consume('failure', context('FROM bb\nRUN echo last words; exit 3\n')).json;
    assert.deepEqual(
      [failed['code'], failed['line'], failed['details']],
      ['run-failed', 2, ['last words']],
    );
    assert.match(String(failed['message']), /exit code: 3/);
    assert.equal(consume('failure', context('FROM bb\nCOPY nope /\n')).json['code'], 'not-found');
    assert.equal(consume('failure', context('FORM bb\n')).json['code'], 'syntax');
    assert.match(String(consume('failure', join(world.dir, 'nowhere')).json['message']), /nowhere/);
  });

  test('history: what was built, its events and trace, by import', () => {
    world.ok('history', 'rm', '--all');
    const at = context('FROM bb\nARG V\nRUN echo v=$V\n');
    const { json } = consume('past', at);
    assert.deepEqual(
      [json['status'], json['why'], json['logs'], json['same'], json['none'], json['gone']],
      ['completed', ['--rebuild'], ['v=1\n'], true, [], 'not-found'],
    );
    assert.ok(Number(json['spans']) > 5);
  });

  test('an AbortSignal stops it, the reason is what result rejects with', () => {
    assert.deepEqual(consume('abort', context(LONG)).json, { same: true });
    assert.deepEqual([alive(), processesOf()], [[], []]);
  });

  test('dispose cancels', () => {
    assert.deepEqual(consume('dispose', context(LONG)).json, { cancelled: true });
    assert.deepEqual([alive(), processesOf()], [[], []]);
  });

  test('a killed parent leaves no process', async () => {
    const child = spawn('node', ['consumer.js', 'wait', context(LONG)], {
      cwd: project,
      env: world.env,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await new Promise((resolve) => child.stdout.once('data', resolve));
    assert.ok(processesOf().length > 1);
    child.kill('SIGKILL');
    await new Promise((resolve) => child.on('close', resolve));
    while (processesOf().length > 0) await new Promise((resolve) => setTimeout(resolve, 20));
    world.ok('images');
    assert.deepEqual(alive(), []);
  });
});
