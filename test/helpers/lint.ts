import { digestOf } from '../../src/model/digest.js';
import { BuildError } from '../../src/model/error.js';
import type { ResolvedImage } from '../../src/model/graph.js';
import { compareWarnings, type LintWarning } from '../../src/model/lint.js';
import type { RunConfig } from '../../src/model/oci.js';
import type { IgnoreFacts } from '../../src/parser/lint/ignore-facts.js';
import { OutlineCapture } from '../../src/parser/lint/outline.js';
import type { LowerOptions } from '../../src/parser/lower-options.js';
import { lower } from '../../src/parser/lower.js';
import { parseDockerfile } from '../../src/parser/parse.js';

export interface LintCase {
  readonly buildArgs?: Readonly<Record<string, string>>;
  readonly target?: string;
  readonly allStages?: boolean;
  readonly ignore?: IgnoreFacts;
  /** Config of every image but `other`, which is for another architecture. */
  readonly image?: RunConfig;
}

/** What linting a text tells, in order of place, and how lowering it ended. */
export interface Linted {
  readonly warnings: readonly LintWarning[];
  /** `3 FromAsCasing`, a line each. */
  readonly short: readonly string[];
  readonly error: BuildError | undefined;
}

const PATH = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export async function lint(text: string, options: LintCase = {}): Promise<Linted> {
  const warnings: LintWarning[] = [];
  const { allStages = false, ignore } = options;
  const lowering = lowerOptions(options);
  const rules = { warn: (warning: LintWarning) => void warnings.push(warning), allStages };
  const error = await lower(parseDockerfile(text, 'Dockerfile'), {
    ...lowering,
    lint: ignore === undefined ? rules : { ...rules, ignore: () => ignore },
  }).then(
    () => undefined,
    (thrown: unknown) => {
      if (thrown instanceof BuildError) return thrown;
      throw thrown;
    },
  );
  warnings.sort(compareWarnings);
  const short = warnings.map(({ ruleName, range }) => `${String(range.startLine)} ${ruleName}`);
  return { warnings, short, error };
}

export async function outline(text: string, options: LintCase = {}) {
  const capture = new OutlineCapture();
  await lower(parseDockerfile(text, 'Dockerfile'), { ...lowerOptions(options), outline: capture });
  return capture.outline;
}

function lowerOptions({ buildArgs = {}, target, image }: LintCase): LowerOptions {
  return {
    buildArgs,
    labels: {},
    ...(target === undefined ? {} : { target }),
    platform: { os: 'linux', architecture: 'amd64' },
    network: 'default',
    noCache: false,
    place: 'Dockerfile',
    resolveImage: (name) => Promise.resolve(resolved(name, image ?? { Env: [PATH] })),
  };
}

function resolved(name: string, config: RunConfig): ResolvedImage {
  return {
    reference: name,
    manifest: digestOf(name),
    layers: [],
    config: {
      architecture: name.startsWith('other') ? 'arm64' : 'amd64',
      os: 'linux',
      config,
      rootfs: { type: 'layers', diff_ids: [] },
      history: [],
    },
  };
}
