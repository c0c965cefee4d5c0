import { BuildError } from './model/error.js';
import type { Scope } from './model/scope.js';
import { goBool } from './model/units.js';
import { warningOf } from './model/warning-of.js';
import { type VcsFacts, vcsFacts } from './vcs-facts.js';

/** What buildx' variables ask for: a checkout in the record of a build, and in the labels of its image. */
export interface CheckoutFacts extends VcsFacts {
  readonly inRecord: boolean;
  readonly inLabels: boolean;
}

interface Source {
  /** The context is a directory of the user's. */
  readonly local: boolean;
  readonly dir: string;
}

/**
 * Like buildx: BUILDX_GIT_INFO (unless it is false) for the record, BUILDX_GIT_LABELS (`1`, or `full` as it once was) for
 * labels; with BUILDX_GIT_CHECK_DIRTY the revision of a checkout that holds more than its commit ends with `-dirty`.
 */
export async function checkoutFacts(
  { local, dir }: Source,
  env: NodeJS.ProcessEnv,
  scope: Scope,
): Promise<CheckoutFacts | undefined> {
  const asked = (name: string): boolean | undefined => goBool(env[name] ?? '');
  const inRecord = asked('BUILDX_GIT_INFO') ?? true;
  const inLabels = env['BUILDX_GIT_LABELS'] === 'full' || (asked('BUILDX_GIT_LABELS') ?? false);
  const found = local && (inRecord || inLabels) ? vcsFacts(dir) : undefined;
  if (found === undefined) return undefined;
  const { revision } = found;
  const isAsked = asked('BUILDX_GIT_CHECK_DIRTY') ?? false;
  const mark = isAsked && revision !== undefined && (await looksDirty(found, env, scope));
  return { ...found, inRecord, inLabels, ...(mark ? { revision: `${revision}-dirty` } : {}) };
}

/** Who cannot look says so: what is not known to be clean is not told to be. */
async function looksDirty(
  { root }: VcsFacts,
  env: NodeJS.ProcessEnv,
  { signal, emit }: Scope,
): Promise<boolean> {
  const { isDirty } = await import('./dirty-checkout.js');
  try {
    return await isDirty(root, { env, signal });
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
    emit(warningOf('BUILDX_GIT_CHECK_DIRTY: the revision is marked -dirty', error));
    return true;
  }
}
