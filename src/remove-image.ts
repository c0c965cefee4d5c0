import { spendReserve } from './cache/reserve.js';
import { type Digest, shortId } from './model/digest.js';
import { imageHappening } from './model/engine-event.js';
import { BuildError } from './model/error.js';
import {
  canonicalName,
  familiarName,
  familiarRepository,
  parseReference,
  pulledDigest,
  type Reference,
} from './model/reference.js';
import type { StoredImage } from './model/stored-image.js';
import type { Workshop } from './workshop.js';

/** What removing did, a line each, in docker's words. */
export function removeImage(text: string, force: boolean, workshop: Workshop): string[] {
  using _reserve = spendReserve(workshop.store.root);
  const { images } = workshop.store;
  const image = images.find(text);
  const byId = image.id.startsWith(text) || image.id.slice('sha256:'.length).startsWith(text);
  const named = byId ? undefined : canonicalName(parseReference(text));
  const going = image.references.filter(
    (reference) => named === undefined || canonicalName(reference) === named,
  );
  if (byId && going.length > 1 && !force) throw severalNames(image.id, text);
  const last = going.length === image.references.length;
  const use = last ? useOf(image.id, workshop) : undefined;
  if (use !== undefined) refuseInUse(image.id, use, { name: byId ? undefined : text, force });
  // Forced away from under a container that runs, the image stays without a name.
  const stays = use?.running === true;
  for (const reference of going) {
    images.untag(reference);
    workshop.tell(imageHappening('untag', image));
  }
  if (stays) images.keep(image.root);
  const lines = untagged(going, image);
  if (!last || stays) return lines;
  images.forget(image.root.digest);
  workshop.tell(imageHappening('delete', image));
  return [...lines, `Deleted: ${image.id}`];
}

/** Names, and the digests that nobody can pull by any more: a repository's goes with its last name. */
function untagged(going: readonly Reference[], image: StoredImage): string[] {
  const left = image.references.filter((reference) => !going.includes(reference));
  const kept = new Set(left.map(familiarRepository));
  const gone = image.pulled.filter(
    (name) => !kept.has(familiarRepository(name)) && going.some((each) => isOf(each, name)),
  );
  const repositories = [...new Set(going.map(familiarRepository))];
  const names = repositories.flatMap((repository) => {
    const own = (name: Reference): boolean => familiarRepository(name) === repository;
    return [...going.filter(own).map(familiarName), ...new Set(gone.filter(own).map(pulledDigest))];
  });
  return names.map((name) => `Untagged: ${name}`);
}

/** A pulled name has the digest beside the tag. */
function isOf(own: Reference, pulled: Reference): boolean {
  return own.tag === pulled.tag && familiarRepository(own) === familiarRepository(pulled);
}

interface Use {
  readonly container: string;
  readonly running: boolean;
}

function useOf(id: Digest, { containers }: Workshop): Use | undefined {
  const users = containers.list().filter(({ imageId }) => imageId === id);
  const user = users.find(({ status }) => status === 'running') ?? users[0];
  return user && { container: user.id.slice(0, 12), running: user.status === 'running' };
}

function refuseInUse(
  id: Digest,
  { container, running }: Use,
  { name, force }: { readonly name: string | undefined; readonly force: boolean },
): void {
  const image = shortId(id);
  const hint = `remove the container first: stave rm ${running ? '-f ' : ''}${container}, or use --force`;
  if (force && (!running || name !== undefined)) return;
  if (name !== undefined) {
    throw new BuildError(
      'conflict',
      `conflict: unable to remove repository reference "${name}" (must force) - container ${container} is using its referenced image ${image}`,
      { hint },
    );
  }
  if (running) {
    throw new BuildError(
      'conflict',
      `conflict: unable to delete ${image} (cannot be forced) - image is being used by running container ${container}`,
      { hint: `remove the container first: stave rm -f ${container}` },
    );
  }
  throw new BuildError(
    'conflict',
    `conflict: unable to delete ${image} (must be forced) - image is being used by stopped container ${container}`,
    { hint },
  );
}

function severalNames(id: Digest, text: string): BuildError {
  return new BuildError(
    'conflict',
    `conflict: unable to delete ${shortId(id)} (must be forced) - image is referenced in multiple repositories`,
    { hint: `stave rmi --force ${text}, or remove its names one by one` },
  );
}
