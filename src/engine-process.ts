import { createInterface } from 'node:readline';
import { startBuild } from './build.js';
import { machineError } from './machine-error.js';
import type { BuildOptions } from './model/build-options.js';
import { BuildError, CancelledError } from './model/error.js';
import type { BuildEvent } from './model/events.js';
import { type EngineFailure, type EngineMessage, optionsFromWire } from './remote-build.js';
import { openWorkshop } from './workshop.js';

/** The other side of `remoteBuild`: one build for a parent process; when its end of stdin closes, the build is cancelled. */
export async function runEngine(
  stdin: NodeJS.ReadStream,
  stdout: NodeJS.WriteStream,
  stopped: AbortSignal,
): Promise<number> {
  const send = (message: EngineMessage): void => void stdout.write(`${JSON.stringify(message)}\n`);
  const gone = new AbortController();
  stdout.on('error', () => {
    gone.abort(new CancelledError('the program that asked for the build is gone'));
  });
  const input = createInterface({ input: stdin });
  const options = await new Promise<BuildOptions>((resolve) => {
    input.once('line', (line) => {
      resolve(optionsFromWire(line));
    });
  });
  input.once('close', () => {
    gone.abort(new CancelledError('the program that asked for the build is gone'));
  });
  const signal = AbortSignal.any([gone.signal, stopped]);
  try {
    await using workshop = openWorkshop(options.root, process.env);
    await using build = startBuild({ ...options, signal }, workshop);
    for await (const event of build.events) send({ event: plainEvent(event) });
    send({ result: await build.result });
    return 0;
  } catch (error) {
    send({ failure: failureOf(machineError(error)) });
    return 1;
  } finally {
    input.close();
    stdin.unref();
  }
}

function plainEvent(event: BuildEvent): BuildEvent {
  if (event.type !== 'log') return event;
  return { ...event, data: Buffer.from(event.data).toString('base64') as unknown as Uint8Array }; // JSON has no bytes.
}

function failureOf(error: unknown): EngineFailure {
  if (error instanceof BuildError) {
    const { code, message, hint, range, details } = error;
    const options = {
      details,
      ...(hint === undefined ? {} : { hint }),
      ...(range === undefined ? {} : { range }),
    };
    return { kind: 'user', code, message, options };
  }
  if (!(error instanceof Error)) return { kind: 'other', message: String(error) };
  return {
    kind: 'other',
    message: error.message,
    ...(error.stack === undefined ? {} : { stack: error.stack }),
  };
}
