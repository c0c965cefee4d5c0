import { digestOf } from '../../src/model/digest.js';
import { BuildError } from '../../src/model/error.js';
import type { BuildPlan, OpSpec, ResolvedImage, Vertex } from '../../src/model/graph.js';
import type { RunConfig } from '../../src/model/oci.js';
import type { LowerOptions } from '../../src/parser/lower-options.js';
import { lower } from '../../src/parser/lower.js';
import { parseDockerfile } from '../../src/parser/parse.js';

type Given = 'buildArgs' | 'labels' | 'target' | 'platform' | 'noCacheFilter';

export interface PlanCase extends Partial<Pick<LowerOptions, Given>> {
  /** Configs of images by name; those of others are empty. */
  readonly images?: Readonly<Record<string, RunConfig>>;
  /** Gets the names of the images that were asked for. */
  readonly resolved?: string[];
  /** Gets what is warned of. */
  readonly warned?: string[];
}

const AMD64 = { os: 'linux', architecture: 'amd64' };

export function planOf(text: string, options: PlanCase = {}): Promise<BuildPlan> {
  const { images = {}, resolved = [], warned = [], buildArgs = {}, labels = {} } = options;
  const { target, noCacheFilter = [], platform = AMD64 } = options;
  return lower(parseDockerfile(text, 'Dockerfile'), {
    buildArgs,
    labels,
    ...(target === undefined ? {} : { target }),
    platform,
    buildPlatform: AMD64,
    noCacheFilter,
    warn: ({ message }) => void warned.push(message),
    network: 'default',
    noCache: false,
    place: 'Dockerfile',
    resolveImage: (name) => {
      resolved.push(name);
      return Promise.resolve(image(name, images[name] ?? {}));
    },
  });
}

function image(name: string, config: RunConfig): ResolvedImage {
  return {
    reference: name,
    manifest: digestOf(name),
    layers: [],
    config: {
      architecture: 'amd64',
      os: 'linux',
      config,
      rootfs: { type: 'layers', diff_ids: [] },
      history: [],
    },
  };
}

/** Every vertex, numbered, with its inputs' numbers and what it does; the target is the last. */
export function graphText({ vertices, target }: BuildPlan): string {
  const number = (vertex: Vertex): number =>
    1 + vertices.findIndex(({ digest }) => digest === vertex.digest);
  const lines = vertices.map((vertex) => {
    const inputs = vertex.inputs.map((input) => String(number(input))).join(' ');
    return `${String(number(vertex))} <${inputs}> ${vertex.name} | ${opText(vertex.op)}`;
  });
  return [...lines, `target ${String(number(target))}`].join('\n');
}

function opText(op: OpSpec): string {
  switch (op.kind) {
    case 'exec': {
      const env = op.env.map(({ name, value, origin }) => `${origin} ${name}=${value}`);
      return [JSON.stringify(op.args), ...env.filter((e) => !e.includes('PATH=')), op.cwd].join(
        ' ',
      );
    }
    case 'copy':
      return [op.from, ...op.sources, '->', op.dest].join(' ');
    case 'mkdir':
      return op.path;
    case 'image':
      return op.reference;
    case 'scratch':
    case 'http':
    case 'git':
    case 'merge':
      return op.kind;
  }
}

export async function failure(text: string, options: PlanCase = {}): Promise<string[]> {
  const error = await planOf(text, options).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error === undefined) throw new Error('it was lowered');
  if (!(error instanceof BuildError)) throw error as Error;
  const line = error.range === undefined ? '' : `${String(error.range.startLine)}: `;
  const hint = error.hint === undefined ? '' : ` (${error.hint})`;
  return [
    `${line}${error.message}${hint}`,
    ...error.details.map((d) => d.replace('Dockerfile:', '')),
  ];
}
