import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { createEventQueue } from './event-queue.js';
import { launcher } from './launcher.js';
import type { Build, BuildOptions, BuildResult } from './model/build-options.js';
import {
  BuildError,
  CancelledError,
  type BuildErrorOptions,
  type ErrorCode,
} from './model/error.js';
import type { BuildEvent } from './model/events.js';
import type { SecretSource } from './model/run-settings.js';
import { spawned } from './sys/spawned.js';

/** What the engine process writes, a JSON line each; `data` of logs is base64. */
export type EngineMessage =
  | { readonly event: BuildEvent }
  | { readonly result: BuildResult }
  | { readonly failure: EngineFailure };
export type EngineFailure =
  | {
      readonly kind: 'user';
      readonly code: ErrorCode;
      readonly message: string;
      readonly options: BuildErrorOptions;
    }
  | { readonly kind: 'other'; readonly message: string; readonly stack?: string };

/** A build in a child: options on its stdin, which stays open as long as we live; messages on its stdout. */
export function remoteBuild(options: BuildOptions): Build {
  const queue = createEventQueue();
  const controller = new AbortController();
  const { signal: given, stdin: _stdin, ...plain } = options;
  const signal =
    given === undefined ? controller.signal : AbortSignal.any([controller.signal, given]);
  const result = run(plain, queue.push, signal).finally(queue.end);
  result.catch(() => undefined);
  return {
    events: queue.events,
    result,
    async [Symbol.asyncDispose]() {
      controller.abort(new CancelledError('the build was disposed'));
      await result.catch(() => undefined);
    },
  };
}

async function run(
  options: BuildOptions,
  emit: (event: BuildEvent) => void,
  signal: AbortSignal,
): Promise<BuildResult> {
  signal.throwIfAborted();
  const child = spawned(spawn(launcher(), ['__engine'], { stdio: ['pipe', 'pipe', 'inherit'] }));
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  ended.catch(() => undefined);
  const cancel = (): void => void child.kill('SIGTERM');
  signal.addEventListener('abort', cancel, { once: true });
  child.stdin.on('error', () => undefined); // The engine may be gone before it read all; its end tells why.
  child.stdin.write(`${JSON.stringify(wireOptions(options))}\n`);
  let last: Exclude<EngineMessage, { readonly event: BuildEvent }> | undefined;
  try {
    for await (const line of createInterface({ input: child.stdout })) {
      const message = JSON.parse(line) as EngineMessage;
      if ('event' in message) emit(withBytes(message.event));
      else last = message;
    }
    const code = await ended;
    signal.throwIfAborted();
    if (last !== undefined && 'result' in last) return last.result;
    throw last === undefined ? new Error(`the engine ended with ${String(code)}`) : asError(last);
  } finally {
    signal.removeEventListener('abort', cancel);
  }
}

/** Bytes of secrets travel as text, in JSON over a pipe: arguments and environments are seen by others. */
type WireSecret = Omit<SecretSource, 'value'> & { readonly base64?: string };

function wireOptions({ secrets, ...options }: BuildOptions): object {
  if (secrets === undefined) return options;
  const wire = secrets.map(({ value, ...source }): WireSecret =>
    value === undefined ? source : { ...source, base64: Buffer.from(value).toString('base64') },
  );
  return { ...options, secrets: wire };
}

/** The other end of the pipe: one line of JSON. */
export function optionsFromWire(line: string): BuildOptions {
  // Our own parent wrote it.
  const { secrets, ...options } = JSON.parse(line) as Omit<BuildOptions, 'secrets'> & {
    readonly secrets?: readonly WireSecret[];
  };
  if (secrets === undefined) return options;
  const given = secrets.map(({ base64, ...source }): SecretSource =>
    base64 === undefined ? source : { ...source, value: Buffer.from(base64, 'base64') },
  );
  return { ...options, secrets: given };
}

function withBytes(event: BuildEvent): BuildEvent {
  if (event.type !== 'log') return event;
  return { ...event, data: Buffer.from(event.data as unknown as string, 'base64') }; // JSON has no bytes.
}

function asError(message: Exclude<EngineMessage, { readonly event: BuildEvent }>): Error {
  if (!('failure' in message)) throw new Error('not a failure');
  const { failure } = message;
  if (failure.kind === 'user')
    return new BuildError(failure.code, failure.message, failure.options);
  return Object.assign(
    new Error(failure.message),
    failure.stack === undefined ? {} : { stack: failure.stack },
  );
}
