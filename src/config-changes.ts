import { BuildError } from './model/error.js';
import { type ImageConfig, type Platform, type RunConfig, withoutNulls } from './model/oci.js';
import { digestOf } from './model/digest.js';
import { lower } from './parser/lower.js';
import { parseDockerfile } from './parser/parse.js';

/** moby, daemon/builder/dockerfile/builder.go, validCommitCommands. */
const VALID = ['CMD', 'ENTRYPOINT', 'HEALTHCHECK', 'ENV', 'EXPOSE', 'LABEL', 'ONBUILD'].concat([
  'STOPSIGNAL',
  'USER',
  'VOLUME',
  'WORKDIR',
]);

/**
 * Applies Dockerfile instructions that change only the config, as `commit --change` and `import --change` take them: a
 * Dockerfile of these lines on an image of this config. Throws BuildError `syntax` with the instruction as given.
 */
export async function applyChanges(
  config: RunConfig,
  changes: readonly string[],
  platform: Platform,
): Promise<RunConfig> {
  if (changes.length === 0) return config;
  for (const change of changes) checkKeyword(change);
  try {
    return await changed(config, changes, platform);
  } catch (error) {
    if (!(error instanceof BuildError) || error.range === undefined) throw error;
    // The place is one of a Dockerfile that nobody wrote.
    const { code, message, hint } = error;
    throw new BuildError(code, message, hint === undefined ? {} : { hint });
  }
}

async function changed(
  config: RunConfig,
  changes: readonly string[],
  platform: Platform,
): Promise<RunConfig> {
  const dockerfile = parseDockerfile(`FROM container\n${changes.join('\n')}\n`, '--change');
  // Triggers of the image are for who builds on it: they are kept, not run.
  const { OnBuild: triggers = [], ...base } = withoutNulls(config);
  const plan = await lower(dockerfile, {
    buildArgs: {},
    labels: {},
    platform,
    network: 'default',
    noCache: false,
    place: '--change',
    resolveImage: (reference) => Promise.resolve(imageOf(reference, base, platform)),
  });
  const { OnBuild: added = [], ...whole } = plan.config.config ?? {};
  const result = withoutDefaultPath(whole, base, changes);
  const all = [...triggers, ...added];
  return all.length === 0 ? result : { ...result, OnBuild: all };
}

/** A build gives every image a PATH, a change does not. */
function withoutDefaultPath(
  changed: RunConfig,
  base: RunConfig,
  changes: readonly string[],
): RunConfig {
  const wanted =
    base.Env?.some(isPath) === true || changes.some((change) => /\bPATH\b/.test(change));
  if (wanted || changed.Env === undefined) return changed;
  const { Env, ...rest } = changed;
  const left = Env.filter((each) => !isPath(each));
  return left.length === 0 ? rest : { ...rest, Env: left };
}

function isPath(variable: string): boolean {
  return variable.startsWith('PATH=');
}

function checkKeyword(change: string): void {
  const keyword = (/^\s*(\S+)/.exec(change)?.[1] ?? '').toUpperCase();
  if (VALID.includes(keyword)) return;
  if (keyword === '') throw new BuildError('syntax', 'file with no instructions');
  throw new BuildError('syntax', `${keyword} is not a valid change command`, {
    hint: `--change takes ${VALID.join(', ')}`,
  });
}

function imageOf(reference: string, config: RunConfig, platform: Platform) {
  const image: ImageConfig = { ...platform, config, rootfs: { type: 'layers', diff_ids: [] } };
  return { reference, manifest: digestOf(reference), layers: [], config: image };
}
