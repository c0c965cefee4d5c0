import { readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { replaceDurably } from './cache/durable.js';
import { readConfig, readManifest } from './exporter/image-document.js';
import { digestOf, hexOf } from './model/digest.js';
import { BuildError } from './model/error.js';
import { hasCode } from './model/has-code.js';
import {
  type Descriptor,
  type ImageIndex,
  isIndexType,
  type Manifest,
  MediaType,
  type Platform,
} from './model/oci.js';
import { canonicalName, familiarName, parseReference, type Reference } from './model/reference.js';
import type { Scope } from './model/scope.js';
import type { RegistryDeps } from './registry/endpoint.js';
import { type FetchedManifest, openRepository } from './registry/registry.js';
import { registrySettings } from './registry-settings.js';
import { makeDeep } from './sys/make-deep.js';
import type { Workshop } from './workshop.js';

/** One image of a list in the making. */
export interface ListEntry {
  /** Canonical: where its manifest is. */
  readonly name: string;
  readonly descriptor: Descriptor & { readonly platform: Platform };
  /** The manifest as it was served. */
  readonly raw: string;
}

export interface ListPlace {
  readonly workshop: Workshop;
  /** Plain HTTP is allowed. */
  readonly insecure: boolean;
}

export function depsOf({ workshop, insecure }: ListPlace): RegistryDeps {
  const deps = registrySettings(workshop);
  if (!insecure) return deps;
  return { ...deps, config: { of: (domain) => ({ ...deps.config.of(domain), insecure }) } };
}

/** Makes or, with `amend`, extends a list that is kept here until it is pushed. Throws BuildError. */
export async function createList(
  list: string,
  names: readonly string[],
  { amend, ...place }: ListPlace & { readonly amend: boolean },
  scope: Scope,
): Promise<Reference> {
  const reference = parseReference(list);
  const known = readList(reference, place.workshop);
  if (known !== undefined && !amend)
    throw new BuildError(
      'conflict',
      'refusing to amend an existing manifest list with no --amend flag',
      { hint: `add --amend, or: stave manifest rm ${list}` },
    );
  const entries = new Map((known ?? []).map((entry) => [entry.name, entry]));
  for (const name of names) {
    const entry = await fetchEntry(parseReference(name), place, scope);
    entries.set(entry.name, entry);
  }
  writeList(reference, [...entries.values()], place.workshop);
  return reference;
}

/** Of a registry: its manifest, and the platform its config says. Throws BuildError `registry`. */
export async function fetchEntry(
  reference: Reference,
  place: ListPlace,
  scope: Scope,
): Promise<ListEntry> {
  const shown = familiarName(reference);
  const { descriptor, bytes, document } = await fetchManifest(reference, place, scope);
  if (isIndexType(descriptor.mediaType))
    throw new BuildError('usage', `${shown} is a manifest list`, {
      hint: `name its images: stave manifest inspect ${shown}`,
    });
  const manifest = readManifest(document, `the manifest of ${shown}`);
  const chunks: Uint8Array[] = [];
  const repository = openRepository(reference, depsOf(place));
  for await (const chunk of repository.blob(manifest.config, scope)) chunks.push(chunk);
  const text = Buffer.concat(chunks);
  const what = `the config of ${shown}`;
  if (digestOf(text) !== manifest.config.digest)
    throw new BuildError('integrity', `${what} is not what its manifest says`);
  const config = readConfig(JSON.parse(text.toString()), manifest.layers.length, what);
  const { architecture, os, variant } = config;
  const platform = { architecture, os, ...(variant === undefined ? {} : { variant }) };
  const name = canonicalName(reference);
  return { name, descriptor: { ...descriptor, platform }, raw: bytes.toString('base64') };
}

export async function fetchManifest(
  reference: Reference,
  place: ListPlace,
  scope: Scope,
): Promise<FetchedManifest> {
  const repository = openRepository(reference, depsOf(place));
  const found = await repository.manifest(reference.digest ?? reference.tag ?? 'latest', scope);
  if (found !== undefined) return found;
  throw new BuildError('not-found', `no such manifest: ${familiarName(reference)}`, {
    hint: 'is the name right, and is it pushed?',
  });
}

export interface Annotation {
  readonly os?: string | undefined;
  readonly arch?: string | undefined;
  readonly variant?: string | undefined;
  readonly osVersion?: string | undefined;
  readonly osFeatures: readonly string[];
}

/** Says what one image of a list is for. */
export function annotateEntry(
  list: string,
  name: string,
  { os, arch, variant, osVersion, osFeatures }: Annotation,
  workshop: Workshop,
): void {
  const reference = parseReference(list);
  const entries = listOf(reference, workshop);
  const entry = entryOf(reference, name, entries);
  const platform = {
    ...entry.descriptor.platform,
    ...(os === undefined ? {} : { os }),
    ...(arch === undefined ? {} : { architecture: arch }),
    ...(variant === undefined ? {} : { variant }),
    ...(osVersion === undefined ? {} : { 'os.version': osVersion }),
    ...(osFeatures.length === 0 ? {} : { 'os.features': osFeatures }),
  };
  const changed = { ...entry, descriptor: { ...entry.descriptor, platform } };
  writeList(
    reference,
    entries.map((each) => (each === entry ? changed : each)),
    workshop,
  );
}

export function entryOf(list: Reference, name: string, entries: readonly ListEntry[]): ListEntry {
  const wanted = parseReference(name);
  const found = entries.find((entry) => entry.name === canonicalName(wanted));
  if (found !== undefined) return found;
  throw new BuildError(
    'not-found',
    `manifest for image ${familiarName(wanted)} does not exist in ${familiarName(list)}`,
    { hint: `stave manifest create --amend ${familiarName(list)} ${familiarName(wanted)}` },
  );
}

/** The document that a list is pushed as: OCI's, if all its images are. */
export function listDocument(entries: readonly ListEntry[]): ImageIndex {
  const oci = entries.every(({ descriptor }) => descriptor.mediaType === MediaType.ociManifest);
  const manifests = entries.map(({ descriptor: { mediaType, size, digest, platform } }) => ({
    ...{ mediaType, size, digest, platform },
  }));
  return {
    schemaVersion: 2,
    mediaType: oci ? MediaType.ociIndex : MediaType.dockerList,
    manifests,
  };
}

export function manifestOf({ raw }: ListEntry): Manifest {
  return readManifest(JSON.parse(Buffer.from(raw, 'base64').toString()), 'a manifest of the list');
}

/** Throws BuildError `not-found`. */
export function listOf(reference: Reference, workshop: Workshop): readonly ListEntry[] {
  const found = readList(reference, workshop);
  if (found !== undefined) return found;
  throw new BuildError('not-found', `No such manifest: ${familiarName(reference)}`, {
    hint: 'stave manifest create makes one',
  });
}

export function readList(
  reference: Reference,
  workshop: Workshop,
): readonly ListEntry[] | undefined {
  const file = fileOf(reference, workshop);
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as readonly ListEntry[]; // Written whole by us.
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    if (!(error instanceof SyntaxError)) throw error;
    throw new BuildError('store', `${file} is damaged: ${error.message}`, {
      hint: `stave manifest rm ${familiarName(reference)}`,
    });
  }
}

function writeList(reference: Reference, entries: readonly ListEntry[], workshop: Workshop): void {
  const file = fileOf(reference, workshop);
  makeDeep(dirname(file), 0o700);
  replaceDurably(file, JSON.stringify(entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))));
}

export function removeList(reference: Reference, workshop: Workshop): void {
  const file = fileOf(reference, workshop);
  try {
    rmSync(file);
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error;
    throw new BuildError('not-found', `No such manifest: ${familiarName(reference)}`, {
      hint: 'it was pushed, removed, or never made here',
    });
  }
}

/** They are no images: they lie with the user's settings, as docker's do. */
function fileOf(reference: Reference, { env, home }: Workshop): string {
  const config = env['XDG_CONFIG_HOME'] ?? join(home, '.config');
  return join(config, 'stave/manifests', `${hexOf(digestOf(canonicalName(reference)))}.json`);
}
