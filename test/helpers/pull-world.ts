import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BuildError } from '../../src/model/error.js';
import { pullImage } from '../../src/pull.js';
import { openWorkshop, type Workshop } from '../../src/workshop.js';

/** A store of its own that pulls in this process. */
export interface PullWorld extends AsyncDisposable {
  readonly dir: string;
  readonly home: string;
  readonly workshop: Workshop;
  /** Docker's lines. */
  readonly pull: (name: string, signal?: AbortSignal) => Promise<string[]>;
  /** The user's error it ends with; fails on success and on any other error. */
  readonly refusal: (name: string) => Promise<BuildError>;
  /** Hex names in blobs/sha256. */
  readonly blobs: () => string[];
  readonly names: () => number;
  readonly dockerConfig: (config: unknown) => void;
  readonly staveConfig: (config: unknown) => void;
}

export function pullWorld(env: NodeJS.ProcessEnv = {}): PullWorld {
  const dir = mkdtempSync(join(process.env['STAVE_TEST_DIR'] ?? tmpdir(), 'stave-pull-'));
  const home = join(dir, 'home');
  mkdirSync(join(home, '.docker'), { recursive: true });
  const workshop = openWorkshop(join(dir, 'store'), {
    HOME: home,
    PATH: process.env['PATH'],
    STAVE_CONFIG: join(dir, 'stave.json'),
    ...env,
  });
  const pull: PullWorld['pull'] = async (name, signal = new AbortController().signal) => {
    const lines: string[] = [];
    await pullImage(name, { workshop, signal, say: (line) => lines.push(line) });
    return lines;
  };
  return {
    dir,
    home,
    workshop,
    pull,
    refusal: (name) =>
      pull(name).then(
        () => {
          throw new Error(`${name} was pulled`);
        },
        (error: unknown) => {
          if (error instanceof BuildError) return error;
          throw error;
        },
      ),
    blobs: () => readdirSync(join(dir, 'store/blobs/sha256')).sort(),
    names: () => workshop.store.images.list().length,
    dockerConfig: (config) => {
      writeFileSync(
        join(home, '.docker/config.json'),
        typeof config === 'string' ? config : JSON.stringify(config),
      );
    },
    staveConfig: (config) => {
      writeFileSync(join(dir, 'stave.json'), JSON.stringify(config));
    },
    [Symbol.asyncDispose]: async () => {
      await workshop[Symbol.asyncDispose]();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
