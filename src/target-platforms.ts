import type { BuildOptions } from './model/build-options.js';
import { BuildError } from './model/error.js';
import type { Platform } from './model/oci.js';
import { formatPlatform, parsePlatform } from './model/platform.js';
import { boolOf } from './parser/build-args.js';
import type { Workshop } from './workshop.js';

/** What a build makes: an image each, under an index when it is asked for or there are several. */
export interface TargetPlatforms {
  readonly list: readonly Platform[];
  readonly index: boolean;
  /** Somebody asked for them. */
  readonly explicit: boolean;
}

/** `--platform`, else `$DOCKER_DEFAULT_PLATFORM`, else this machine; each once. Throws BuildError `usage`. */
export function targetPlatforms(
  { platform, buildArgs = {} }: BuildOptions,
  workshop: Workshop,
): TargetPlatforms {
  const given = platform ?? workshop.env['DOCKER_DEFAULT_PLATFORM'] ?? '';
  const texts = given.split(',').map((text) => text.trim());
  const parsed =
    given === ''
      ? [workshop.platform]
      : texts.map((text) => parsePlatform(text, workshop.platform));
  const list = [...new Map(parsed.map((each) => [formatPlatform(each), each])).values()];
  const asked = buildArgs['BUILDKIT_MULTI_PLATFORM'] ?? '';
  const index = asked === '' ? list.length > 1 : boolOf('BUILDKIT_MULTI_PLATFORM', buildArgs);
  if (!index && list.length > 1) {
    throw new BuildError(
      'usage',
      `BUILDKIT_MULTI_PLATFORM=${asked} and ${String(list.length)} platforms exclude each other`,
      { hint: 'name one platform, or leave the argument out' },
    );
  }
  return { list, index, explicit: given !== '' };
}
