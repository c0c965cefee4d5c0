import { BuildError } from './model/error.js';
import { choosePlatform, formatPlatform, parsePlatform } from './model/platform.js';
import type { RunOptions } from './model/run-options.js';
import { familiarName, parseReference } from './model/reference.js';
import type { StoredImage } from './model/stored-image.js';
import type { Workshop } from './workshop.js';

/** The image of a new container, pulled first when `--pull` says so or, by default, when it is not in the store. */
export async function runImage(
  options: RunOptions,
  workshop: Workshop,
  say: (line: string) => void,
): Promise<StoredImage> {
  const { image: name, pull, quiet } = options;
  const platform =
    options.platform === undefined
      ? workshop.platform
      : parsePlatform(options.platform, workshop.platform);
  const matches = ({ config }: StoredImage): boolean =>
    options.platform === undefined ||
    choosePlatform(platform, [config], (each) => each) !== undefined;
  const { images } = workshop.store;
  const local = found(name, workshop, pull);
  if (local !== undefined && matches(local) && pull !== 'always') return local;
  const reference = parseReference(name);
  if (pull === 'missing') say(`Unable to find image '${familiarName(reference)}' locally`);
  if (pull !== 'never') {
    const { pullImage } = await import('./pull.js');
    const { signal } = new AbortController();
    await pullImage(name, { workshop, platform, signal, say: quiet ? () => undefined : say });
  }
  const image = images.find(name);
  if (matches(image)) return image;
  const [wanted, actual] = [platform, image.config].map(formatPlatform);
  throw new BuildError(
    'not-found',
    `image with reference ${name} was found but does not match the specified platform: wanted ${wanted ?? ''}, actual: ${actual ?? ''}`,
  );
}

/** What looks like an id can only be here; with `never`, everything. */
function found(name: string, { store }: Workshop, pull: string): StoredImage | undefined {
  try {
    return store.images.find(name);
  } catch (error) {
    const local = pull === 'never' || /^[0-9a-f]{12,64}$/.test(name);
    if (!(error instanceof BuildError) || local) throw error;
    return undefined;
  }
}
