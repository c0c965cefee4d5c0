import { accessSync, constants, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { BuildResult } from '../model/build-options.js';
import type { BuildStep } from '../model/build-steps.js';
import type { TraceInput } from '../model/build-trace.js';
import { BuildError } from '../model/error.js';
import { reasonOf } from '../model/reason-of.js';
import type { CommandContext } from './command.js';

/** The keys of buildx's metadata file that a local build has. */
export function writeReports({ flags }: CommandContext, result: BuildResult): void {
  const iidfile = flags.text('iidfile');
  if (iidfile !== undefined) writeReport('iidfile', iidfile, result.imageId);
  const metadata = flags.text('metadata-file');
  if (metadata === undefined) return;
  const { manifest: digest, manifestSize: size, manifestMediaType: mediaType } = result;
  const report = {
    'containerimage.config.digest': result.imageId,
    'containerimage.digest': digest,
    'containerimage.descriptor': { mediaType, digest, size },
    ...(result.names.length === 0 ? {} : { 'image.name': result.names.join(',') }),
  };
  writeReport('metadata-file', metadata, `${JSON.stringify(report, null, 2)}\n`);
}

/** What there is of a build that failed, too. */
export async function writeTrace(
  { flags }: CommandContext,
  steps: readonly BuildStep[],
  input: TraceInput,
): Promise<void> {
  const file = flags.text('trace');
  if (file === undefined) return;
  const { buildTrace } = await import('../model/build-trace.js');
  writeReport('trace', file, `${JSON.stringify(buildTrace(steps, input))}\n`);
}

export function writeReport(flag: string, file: string, text: string): void {
  try {
    writeFileSync(file, text);
  } catch (error) {
    throw cannotWrite(flag, file, error);
  }
}

/** Before the build, not after ten minutes of it: an ID of an earlier build goes too, as docker has it. */
export function prepareReports({ flags }: CommandContext): void {
  for (const flag of ['iidfile', 'metadata-file', 'trace']) {
    const file = flags.text(flag);
    if (file === undefined) continue;
    try {
      if (statSync(file, { throwIfNoEntry: false })?.isFile() === true) rmSync(file);
      accessSync(dirname(resolve(file)), constants.W_OK);
    } catch (error) {
      throw cannotWrite(flag, file, error);
    }
  }
}

function cannotWrite(flag: string, file: string, error: unknown): BuildError {
  return new BuildError('usage', `--${flag}: cannot write ${file}: ${reasonOf(error)}`, {
    hint: 'its directory must exist, be writable and have space',
    cause: error,
  });
}
