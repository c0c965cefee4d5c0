import { startBuild } from '../../build.js';
import type { BuildOptions, BuildResult } from '../../model/build-options.js';
import { BuildError, CancelledError } from '../../model/error.js';
import type { NetworkMode } from '../../model/graph.js';
import { nearest } from '../../model/nearest.js';
import { holdTime, steadyTime } from '../../model/steady-time.js';
import { type Closing, closingFacts } from '../../ui/closing-facts.js';
import { closingJson } from '../../ui/closing-json.js';
import { closingLines } from '../../ui/closing.js';
import { printEvents, type ProgressMode } from '../../ui/print-events.js';
import { openWorkshop } from '../../workshop.js';
import { RUN_FLAGS, runSettings } from '../build-flags/run-flags.js';
import { CALL_FLAGS, readCall } from '../call/call-flag.js';
import { parseCacheFrom, parseCacheTo } from '../cache-flags.js';
import { buildContextFlag, contextOptions } from '../build-flags/contexts.js';
import { type Command, type CommandContext, say } from '../command.js';
import type { FlagSpec } from '../flags.js';
import { errorText } from '../print-error.js';
import { parseAnnotation, parseOutput } from '../output-flag.js';
import { prepareReports, writeReports, writeTrace } from '../report-files.js';

const LATER = ['attest', 'builder']
  .concat(['policy', 'provenance', 'push', 'sbom'])
  .concat(['squash', 'isolation', 'security-opt'])
  .map((name): FlagSpec => ({ name, kind: 'text', help: '', later: true }));

const FLAGS: readonly FlagSpec[] = [
  {
    name: 'annotation',
    kind: 'list',
    value: '[TYPE:]KEY=VALUE',
    help: 'Annotate the manifest (or index, manifest-descriptor, index-descriptor)',
  },
  { name: 'build-arg', kind: 'list', value: 'NAME[=VALUE]', help: 'Set a build-time variable' },
  buildContextFlag,
  {
    name: 'cache-from',
    kind: 'list',
    value: 'CACHE',
    help: 'Look for steps in: IMAGE, or type=registry|local|s3|gha,...',
  },
  {
    name: 'cache-to',
    kind: 'list',
    value: 'CACHE',
    help: 'Bring steps to: type=inline|registry|local|s3|gha,...[,mounts=all]',
  },
  {
    name: 'file',
    short: 'f',
    kind: 'text',
    value: 'FILE',
    help: 'The Dockerfile (default: PATH/Dockerfile)',
  },
  { name: 'iidfile', kind: 'text', value: 'FILE', help: 'Write the image ID to a file' },
  { name: 'label', kind: 'list', value: 'NAME=VALUE', help: 'Set metadata for the image' },
  { name: 'load', kind: 'bool', help: 'Put the image into the local store (always done)' },
  {
    name: 'metadata-file',
    kind: 'text',
    value: 'FILE',
    help: 'Write build result metadata to a file',
  },
  { name: 'network', kind: 'text', value: 'MODE', help: 'Network of RUN: default, none or host' },
  { name: 'no-cache', kind: 'bool', help: 'Run every step again' },
  { name: 'no-cache-filter', kind: 'list', value: 'STAGE', help: 'Run the steps of stages again' },
  {
    name: 'output',
    short: 'o',
    kind: 'list',
    value: 'DEST',
    help: 'Write the result: DIR, -, or type=oci|docker|tar|local,dest=...',
  },
  { name: 'platform', kind: 'list', value: 'OS/ARCH,...', help: 'Platforms to build for' },
  { name: 'progress', kind: 'text', value: 'MODE', help: 'auto, plain, tty, quiet or rawjson' },
  { name: 'pull', kind: 'bool', help: 'Ask the registry for base images again' },
  { name: 'quiet', short: 'q', kind: 'bool', help: 'Print only the image ID' },
  {
    name: 'rebuild',
    kind: 'list',
    value: 'STEP',
    help: 'Run one step again: [2/5], "builder 2/5", Dockerfile:7 or a part of its text',
  },
  { name: 'tag', short: 't', kind: 'list', value: 'NAME[:TAG]', help: 'Name of the image' },
  { name: 'target', kind: 'text', value: 'STAGE', help: 'Stage to build' },
  {
    name: 'trace',
    kind: 'text',
    value: 'FILE',
    help: 'Write a trace for ui.perfetto.dev or chrome://tracing',
  },
  ...CALL_FLAGS,
  ...RUN_FLAGS,
  ...LATER,
];

export const buildCommand: Command = {
  names: ['build', 'image build', 'builder build', 'buildx build'],
  usage: '[OPTIONS] PATH | URL | -',
  summary: 'Build an image from a Dockerfile',
  flags: FLAGS,
  run,
};

const MODES: readonly ProgressMode[] = ['auto', 'plain', 'tty', 'quiet', 'rawjson'];

async function run(context: CommandContext): Promise<number> {
  const { flags, env, stderr, stdout } = context;
  const mode = progressMode(context);
  const call = readCall(flags);
  const options = buildOptions(context);
  if (call !== undefined) {
    const { runCall } = await import('../call/run-call.js');
    return runCall({ call, options, mode }, context);
  }
  prepareReports(context);
  await using workshop = openWorkshop(undefined, env);
  using _time = holdTime();
  const started = steadyTime();
  await using build = startBuild(options, workshop);
  await printEvents(build.events, { mode, stream: stderr, env });
  const close = async (status: Closing['status']): Promise<void> => {
    const columns = mode !== 'plain' && stderr.isTTY ? stderr.columns : 0;
    const width = columns > 0 ? columns : Infinity;
    const steps = build.steps();
    const facts = closingFacts(steps, { status, started, ended: steadyTime() });
    if (mode === 'rawjson') say(stderr, closingJson(facts));
    else if (mode !== 'quiet') say(stderr, `${closingLines(facts, width).join('\n')}\n`);
    await writeTrace(context, steps, {
      started,
      ended: steadyTime(),
      status,
      facts: build.facts(),
    });
  };
  const result = await build.result.catch(async (error: unknown) => {
    try {
      await close(error instanceof CancelledError ? 'canceled' : 'failed');
    } catch (second) {
      say(stderr, errorText(second)); // The build's error is the one that counts.
    }
    throw error;
  });
  writeReports(context, result);
  const toStdout = options.outputs?.some((output) => output.dest === '-') === true;
  if (mode === 'quiet' && !toStdout) say(stdout, `${result.imageId}\n`);
  if (!flags.bool('quiet') && mode !== 'rawjson') announce(stderr, result);
  await close('completed');
  return 0;
}

function announce(stderr: NodeJS.WriteStream, { imageId, names }: BuildResult): void {
  say(stderr, `image ${imageId}\n`);
  for (const name of names) say(stderr, `named ${name}\n`);
}

function progressMode({ flags, env }: CommandContext): ProgressMode {
  if (flags.bool('quiet')) return 'quiet';
  const wanted = flags.text('progress') ?? env['BUILDKIT_PROGRESS'] ?? 'auto';
  const mode = MODES.find((each) => each === wanted);
  if (mode !== undefined) return mode;
  throw invalid('--progress', wanted, MODES);
}

function invalid(flag: string, value: string, allowed: readonly string[]): BuildError {
  const near = nearest(value, allowed);
  const hint = near === undefined ? `use one of ${allowed.join(', ')}` : `did you mean ${near}?`;
  return new BuildError('usage', `invalid ${flag} ${JSON.stringify(value)}`, { hint });
}

function buildOptions(context: CommandContext): BuildOptions {
  const { flags, env, signal, stdout } = context;
  const [path, ...more] = flags.rest;
  if (path === undefined || more.length > 0) {
    throw new BuildError(
      'usage',
      `"stave build" requires exactly 1 argument, not ${String(flags.rest.length)}`,
      {
        hint: 'the build context, often "."; usage: stave build [OPTIONS] PATH',
      },
    );
  }
  const outputs = flags.list('output').map(parseOutput);
  if (outputs.some(({ dest }) => dest === '-') && stdout.isTTY) {
    throw new BuildError('usage', 'refusing to write an archive to a terminal', {
      hint: 'redirect stdout, or name a file',
    });
  }
  const [file, target] = [flags.text('file'), flags.text('target')];
  const platform = flags.list('platform').join(',');
  const filter = flags.list('no-cache-filter').flatMap((names) => names.split(','));
  if (filter.length > 0 && flags.bool('no-cache')) {
    throw new BuildError('usage', '--no-cache and --no-cache-filter exclude each other');
  }
  return {
    context: path,
    ...contextOptions(flags, path),
    tags: flags.list('tag'),
    buildArgs: withEpoch(
      pairs('build-arg', flags.list('build-arg'), (name) => env[name]),
      env,
    ),
    labels: pairs('label', flags.list('label'), () => ''),
    noCache: flags.bool('no-cache'),
    noCacheFilter: filter,
    rebuild: flags.list('rebuild'),
    annotations: flags.list('annotation').flatMap(parseAnnotation),
    pull: flags.bool('pull'),
    network: networkOf(flags.text('network')),
    outputs,
    cacheFrom: flags.list('cache-from').flatMap(parseCacheFrom),
    cacheTo: flags.list('cache-to').flatMap(parseCacheTo),
    ...runSettings(context),
    signal,
    ...(file === undefined ? {} : { dockerfile: file }),
    ...(target === undefined || target === '' ? {} : { target }),
    ...(platform === '' ? {} : { platform }),
  };
}

/** buildx hands the environment's on. */
function withEpoch(
  args: Record<string, string>,
  { SOURCE_DATE_EPOCH: epoch }: NodeJS.ProcessEnv,
): Record<string, string> {
  if (epoch === undefined || epoch === '' || 'SOURCE_DATE_EPOCH' in args) return args;
  return { ...args, SOURCE_DATE_EPOCH: epoch };
}

function networkOf(value: string | undefined): NetworkMode {
  if (value === undefined || value === '') return 'default';
  if (value === 'default' || value === 'none' || value === 'host') return value;
  throw invalid('--network', value, ['default', 'none', 'host']);
}

/** `K=V`, or `K` alone by `fallback`; undefined leaves it out. */
function pairs(
  flag: 'build-arg' | 'label',
  list: readonly string[],
  fallback: (name: string) => string | undefined,
): Record<string, string> {
  const found: Record<string, string> = {};
  for (const item of list) {
    const cut = item.indexOf('=');
    const name = cut === -1 ? item : item.slice(0, cut);
    if (name === '') throw noName(flag, item);
    const value = cut === -1 ? fallback(name) : item.slice(cut + 1);
    if (value !== undefined) found[name] = value;
  }
  return found;
}

function noName(flag: string, item: string): BuildError {
  return new BuildError(
    'usage',
    `invalid argument ${JSON.stringify(item)} for "--${flag}" flag: it has no name before the =`,
    { hint: `write --${flag} NAME=VALUE` },
  );
}
