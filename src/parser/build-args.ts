import { BuildError } from '../model/error.js';
import { nearest } from '../model/nearest.js';
import type { ParsedDockerfile } from './instruction.js';
import type { LowerOptions } from './lower-options.js';

/** Arguments that steer the build; any other BUILDKIT_ name that no ARG declares is a slip. */
const CONTROLS = ['BUILD_NAME', 'CACHE_MOUNT_NS', 'CONTEXT_KEEP_GIT_DIR', 'INLINE_CACHE']
  .concat([
    'MULTI_PLATFORM',
    'SANDBOX_HOSTNAME',
    'SYNTAX',
    'DOCKERFILE_CHECK',
    'SBOM_SCAN_CONTEXT',
    'SBOM_SCAN_STAGE',
  ])
  .map((name) => `BUILDKIT_${name}`);

/** Nothing keeps builds by name. */
const WITHOUT_EFFECT = 'BUILDKIT_BUILD_NAME';
const PLATFORM = /^(BUILD|TARGET)(PLATFORM|OS|OSVERSION|ARCH|VARIANT)$/;
const PROXY = /^(http|https|ftp|no|all)_proxy$/i;

/** Refuses control arguments that say nothing clear. */
export function checkBuildArgs(buildArgs: Readonly<Record<string, string>>): void {
  boolOf('BUILDKIT_INLINE_CACHE', buildArgs);
}

/** A control argument that is true or false. Throws BuildError `usage` on anything else. */
export function boolOf(name: string, buildArgs: Readonly<Record<string, string>>): boolean {
  const value = buildArgs[name] ?? '';
  if (/^(1|t|true)$/i.test(value)) return true;
  if (/^(0|f|false|)$/i.test(value)) return false;
  throw new BuildError('usage', `invalid value for --build-arg ${name}: ${JSON.stringify(value)}`, {
    hint: 'use 1 or 0',
  });
}

/** A build argument nothing declares has no effect: most often a slip. */
export function warnOfUnusedArgs(
  dockerfile: ParsedDockerfile,
  { buildArgs, warn }: LowerOptions,
  fromTriggers: ReadonlySet<string>,
): void {
  const declared = new Set(fromTriggers);
  for (const instruction of dockerfile.instructions) {
    if (instruction.kind === 'arg') for (const { name } of instruction.args) declared.add(name);
  }
  for (const name of Object.keys(buildArgs)) {
    if (declared.has(name) || isPredefined(name)) continue;
    const known = name.startsWith('BUILDKIT_') ? CONTROLS : [];
    const near = name === WITHOUT_EFFECT ? undefined : nearest(name, [...declared, ...known]);
    const hint = near === undefined ? '' : `; did you mean ${near}?`;
    warn?.({
      message: `--build-arg ${name} has no effect: no ARG of ${dockerfile.file} declares it${hint}`,
    });
  }
}

function isPredefined(name: string): boolean {
  if (CONTROLS.includes(name)) return name !== WITHOUT_EFFECT;
  return (
    PROXY.test(name) || PLATFORM.test(name) || ['TARGETSTAGE', 'SOURCE_DATE_EPOCH'].includes(name)
  );
}
