import { removeContainer as remove } from './container/remove-container.js';
import { runContainer, type RunOptions } from './container/run-container.js';
import { openImage, resolveImage } from './image-source.js';
import { BuildError } from './model/error.js';
import type { ExitStatus, TerminalSize } from './model/process.js';
import { canonicalName, familiarName, parseReference } from './model/reference.js';
import type { Scope } from './model/scope.js';
import type { Workshop } from './workshop.js';
import type { StoredImage } from './model/stored-image.js';

/** Runs an image, pulling it first when it is not in the store, as docker does. */
export async function runImage(
  options: RunOptions,
  workshop: Workshop,
  stderr: NodeJS.WriteStream,
): Promise<ExitStatus> {
  const forever = new AbortController();
  const scope: Scope = { signal: forever.signal, emit: () => undefined };
  const image = await findOrPull(options.image, workshop, scope, stderr);
  const reference = image.references[0];
  const snapshot = await openImage(
    {
      reference: reference === undefined ? 'scratch' : canonicalName(reference),
      layers: image.document.layers,
      diffIDs: image.config.rootfs.diff_ids,
    },
    workshop,
  );
  const deps = {
    containers: workshop.containers,
    runtime: workshop.runtime,
    temporary: async () => (await workshop.store.lease()).dir,
    now: workshop.now,
    onSignals: passSignals,
    terminalSize,
    onResize: (tell: (size: TerminalSize) => void) => {
      process.on('SIGWINCH', () => {
        const size = terminalSize();
        if (size !== undefined) tell(size);
      });
    },
  };
  return runContainer(
    options,
    { id: image.id, manifest: image.manifest.digest, config: image.config.config ?? {}, snapshot },
    deps,
    scope,
  );
}

function terminalSize(): TerminalSize | undefined {
  const { stdout } = process;
  if (!stdout.isTTY) return undefined;
  const [columns, rows] = stdout.getWindowSize();
  return { columns, rows };
}

/** The container decides what a signal means; the second SIGINT or SIGTERM within it is its business too. */
function passSignals(deliver: (signal: NodeJS.Signals) => void): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'] as const) {
    process.removeAllListeners(signal);
    process.on(signal, () => {
      deliver(signal);
    });
  }
}

async function findOrPull(
  name: string,
  workshop: Workshop,
  scope: Scope,
  stderr: NodeJS.WriteStream,
): Promise<StoredImage> {
  const { images } = workshop.store;
  try {
    return images.find(name);
  } catch (error) {
    if (!(error instanceof BuildError) || /^[0-9a-f]{12,64}$/.test(name)) throw error;
  }
  const reference = parseReference(name);
  stderr.write(`Unable to find image '${familiarName(reference)}' locally\n`);
  await resolveImage(name, { workshop, pull: false, platform: workshop.platform }, scope);
  return images.find(name);
}

/** Go's zero time. */
const NEVER = '0001-01-01T00:00:00Z';

/** docker's inspect document of a container, as far as this store knows it. */
export function inspectContainer(name: string, { containers }: Workshop): Record<string, unknown> {
  const state = containers.find(name);
  return {
    Id: state.id,
    Created: state.created,
    Path: state.args[0] ?? '',
    Args: state.args.slice(1),
    State: {
      Status: state.status,
      Running: state.status === 'running',
      ExitCode: state.exitCode,
      StartedAt: state.started ?? NEVER,
      FinishedAt: state.finished ?? NEVER,
    },
    Image: state.imageId,
    Name: `/${state.name}`,
    Config: { Image: state.image, Hostname: state.id.slice(0, 12), Cmd: state.args },
  };
}

/** By name or id; a running one only with `force`. Throws BuildError `conflict`, `not-found`. */
export function removeContainer(name: string, force: boolean, workshop: Workshop): Promise<void> {
  return remove(name, force, workshop.containers);
}
