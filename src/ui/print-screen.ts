import type { BuildEvent } from '../model/events.js';
import { initialState, reduce, type ScreenState } from './state.js';
import { summaryLines } from './summary.js';
import { steadyTime } from '../model/steady-time.js';

/** Loading ink takes 170 ms: a build that is over before this never needs it. */
const GRACE_MS = 120;

/** What the ink screen offers; it is a bundle of its own. */
export interface Screen {
  readonly update: (state: ScreenState) => void;
  readonly stop: () => void;
}
export type StartScreen = (
  stream: NodeJS.WriteStream,
  env: NodeJS.ProcessEnv,
  state: ScreenState,
) => Screen;

export interface ScreenOptions {
  readonly stream: NodeJS.WriteStream;
  readonly env: NodeJS.ProcessEnv;
  /** False: the live screen leaves nothing behind. */
  readonly summary?: boolean;
}

/** A live screen while steps run; what was built, as lines, when it ended. */
export async function printScreen(
  events: AsyncIterable<BuildEvent>,
  { stream, env, summary = true }: ScreenOptions,
): Promise<void> {
  let state = initialState(steadyTime());
  let screen: Screen | undefined;
  let ended = false;
  const timer = setTimeout(() => {
    void loadScreen().then((start) => {
      if (!ended) screen = start(stream, env, state);
    });
  }, GRACE_MS);
  for await (const event of events) {
    state = reduce(state, event);
    screen?.update(state);
  }
  ended = true;
  clearTimeout(timer);
  screen?.stop();
  if (!summary) return;
  const width = stream.columns;
  for (const line of summaryLines(state, width > 0 ? width : 80, steadyTime()))
    stream.write(`${line}\n`);
}

/** The bundle is ESM (ink awaits at its top); a computed address keeps the bundler from following it. */
async function loadScreen(): Promise<StartScreen> {
  const { existsSync } = await import('node:fs');
  const bundled = new URL('./ui/screen.mjs', import.meta.url);
  const address = existsSync(bundled) ? bundled : new URL('./screen/main.js', import.meta.url);
  const module = (await (globalThis.staveImport ?? directly)(address.href)) as {
    startScreen: StartScreen;
  };
  return module.startScreen;
}

declare global {
  /** The loader's `import`: a script run from V8's code cache has none of its own. */
  var staveImport: ((address: string) => Promise<unknown>) | undefined;
}

function directly(address: string): Promise<unknown> {
  return import(address);
}
