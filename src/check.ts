import { type Definition, loadDefinition } from './load-definition.js';
import type { CheckedError, CheckOptions, CheckResult } from './model/check-result.js';
import { digestOf } from './model/digest.js';
import { BuildError } from './model/error.js';
import type { ResolvedImage } from './model/graph.js';
import { compareWarnings, type LintWarning } from './model/lint.js';
import type { BuildTarget, Outline } from './model/outline.js';
import { formatPlatform } from './model/platform.js';
import type { Scope } from './model/scope.js';
import { OutlineCapture } from './parser/lint/outline.js';
import { listTargets } from './parser/lint/targets.js';
import type { LowerOptions } from './parser/lower-options.js';
import { lower } from './parser/lower.js';
import { createEventQueue } from './event-queue.js';
import type { BuildEvent } from './model/events.js';
import type { Workshop } from './workshop.js';

/** What a request about a Dockerfile gives, beside its text. */
export interface Described<T> {
  readonly definition: Definition;
  readonly value: T;
}

/**
 * Looks at a Dockerfile by the lint rules, without building. Base images are asked for their config, as a build would;
 * one that cannot be had is the build error, and the rules that do not need it go on. Throws BuildError for what is
 * not of the Dockerfile: a context or file that is not there.
 */
export async function checkDefinition(
  options: CheckOptions,
  workshop: Workshop,
  scope: Scope,
): Promise<CheckResult> {
  scope.signal.throwIfAborted();
  const definition = await loadDefinition(options, workshop, scope);
  const { dockerfile, ignoreFacts } = definition;
  const lowering = definition.lowering();
  const warnings: LintWarning[] = [];
  const failures: BuildError[] = [];
  const lint = {
    warn: (warning: LintWarning) => void warnings.push(warning),
    ignore: ignoreFacts,
    allStages: lowering.target === undefined,
  };
  const note = (error: unknown): void => {
    scope.signal.throwIfAborted();
    if (!(error instanceof BuildError)) throw error;
    failures.push(error);
  };
  const resolve = withPlaceholders(lowering.resolveImage, note);
  await lower(dockerfile, { ...lowering, resolveImage: resolve, lint }).catch(note);
  const [first] = failures.sort((a, b) => lineOf(a) - lineOf(b));
  return {
    warnings: warnings.sort(compareWarnings),
    source: { filename: dockerfile.file, text: dockerfile.lines.join('\n') },
    ...(first === undefined ? {} : { buildError: checkedError(first) }),
  };
}

function lineOf({ range }: BuildError): number {
  return range?.startLine ?? Infinity;
}

type Resolve = LowerOptions['resolveImage'];

/** An image that cannot be had is noted once, and an unknown one stands in for it. */
function withPlaceholders(resolve: Resolve, note: (error: unknown) => void): Resolve {
  const asked = new Map<string, Promise<ResolvedImage>>();
  const ask: Resolve = (name, platform, range) =>
    resolve(name, platform, range).catch((error: unknown) => {
      note(error);
      return placeholder(name);
    });
  return (name, platform, range) => {
    const key = `${name} ${formatPlatform(platform)}`;
    const image = asked.get(key) ?? ask(name, platform, range);
    asked.set(key, image);
    return image;
  };
}

function placeholder(name: string): ResolvedImage {
  const rootfs = { type: 'layers', diff_ids: [] } as const;
  const config = { architecture: '', os: '', config: {}, rootfs, history: [] };
  return { reference: name, manifest: digestOf(name), layers: [], config, placeholder: true };
}

function checkedError({ message, hint, details, range }: BuildError): CheckedError {
  return {
    message,
    details,
    ...(hint === undefined ? {} : { hint }),
    ...(range === undefined ? {} : { range }),
  };
}

/** The parameters of a target. No image is asked for: what only its ONBUILD triggers declare is not told. */
export async function outlineDefinition(
  options: CheckOptions,
  workshop: Workshop,
  scope: Scope,
): Promise<Described<Outline>> {
  const definition = await loadDefinition(options, workshop, scope);
  const outline = new OutlineCapture();
  const resolveImage: Resolve = (name) => Promise.resolve(placeholder(name));
  await lower(definition.dockerfile, { ...definition.lowering(), resolveImage, outline });
  return { definition, value: outline.outline };
}

/** Every stage of a Dockerfile. */
export async function targetsOfDefinition(
  options: CheckOptions,
  workshop: Workshop,
  scope: Scope,
): Promise<Described<readonly BuildTarget[]>> {
  const definition = await loadDefinition(options, workshop, scope);
  return { definition, value: listTargets(definition.dockerfile) };
}

/** A request at work, and what it tells meanwhile. */
export interface Asked<T> {
  readonly events: AsyncIterable<BuildEvent>;
  readonly result: Promise<T>;
}

/** Runs one of the requests of this file. */
export function ask<T>(
  request: (options: CheckOptions, workshop: Workshop, scope: Scope) => Promise<T>,
  options: CheckOptions,
  workshop: Workshop,
): Asked<T> {
  const queue = createEventQueue();
  const signal = options.signal ?? new AbortController().signal;
  const result = request(options, workshop, { signal, emit: queue.push }).finally(queue.end);
  // Whoever only reads the events must not crash the process over a rejection it asks for later.
  result.catch(() => undefined);
  return { events: queue.events, result };
}
