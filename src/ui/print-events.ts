import type { Digest } from '../model/digest.js';
import type { BuildEvent } from '../model/events.js';
import { PlainPrinter } from './plain.js';
import type { ScreenOptions } from './print-screen.js';
import { RawJson } from './rawjson.js';

export type ProgressMode = 'auto' | 'plain' | 'tty' | 'quiet' | 'rawjson';

export interface PrintOptions extends ScreenOptions {
  readonly mode: ProgressMode;
  /** Of steps, in plain lines, where not all that happened is printed. */
  readonly numbers?: ReadonlyMap<Digest, number>;
}

/** Shows a build until its events end. `auto` is the screen on a terminal, plain lines elsewhere. */
export async function printEvents(
  events: AsyncIterable<BuildEvent>,
  options: PrintOptions,
): Promise<void> {
  const { mode, stream } = options;
  if (mode === 'quiet') return drain(events);
  if (mode === 'rawjson') return printRaw(events, stream);
  if (mode === 'tty' || (mode === 'auto' && stream.isTTY)) {
    const { printScreen } = await import('./print-screen.js');
    return printScreen(events, options);
  }
  return printPlain(events, options);
}

async function drain(events: AsyncIterable<BuildEvent>): Promise<void> {
  for await (const _event of events) {
    // Nothing is shown; reading lets the build end.
  }
}

async function printRaw(
  events: AsyncIterable<BuildEvent>,
  stream: NodeJS.WriteStream,
): Promise<void> {
  const raw = new RawJson();
  for await (const event of events) stream.write(raw.line(event));
}

async function printPlain(
  events: AsyncIterable<BuildEvent>,
  { stream, numbers }: PrintOptions,
): Promise<void> {
  const printer = new PlainPrinter((text) => stream.write(text), numbers);
  for await (const event of events) printer.print(event);
  printer.end();
}
