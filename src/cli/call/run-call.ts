import { ask, checkDefinition, outlineDefinition, targetsOfDefinition } from '../../check.js';
import type { CheckOptions, CheckResult } from '../../model/check-result.js';
import { escapeControls } from '../../ui/escape.js';
import { printEvents, type ProgressMode } from '../../ui/print-events.js';
import { openWorkshop } from '../../workshop.js';
import { type CommandContext, say } from '../command.js';
import { packageVersion } from '../package-version.js';
import type { Call } from './call-flag.js';
import { asBuildError, checkJson, checkText } from './check-report.js';
import { outlineJson, outlineText, targetsJson, targetsText } from './outline-report.js';
import { requestsJson, requestsText } from './requests.js';
import { checkSarif } from './sarif.js';

export interface CallOptions {
  readonly call: Call;
  readonly options: CheckOptions;
  readonly mode: ProgressMode;
}

/** Answers a `--call` on stdout; gives the exit code, throws the build error of a check. */
export async function runCall(given: CallOptions, context: CommandContext): Promise<number> {
  const { call } = given;
  const isJson = call.format === 'json';
  const print = (text: string): void => say(context.stdout, text);
  if (call.method === 'subrequests.describe') {
    print(isJson ? requestsJson() : requestsText());
    return 0;
  }
  if (call.method === 'check') return check(given, context);
  if (call.method === 'outline') {
    const { definition, value } = await answer(outlineDefinition, given, context);
    const source = definition.dockerfile.lines.join('\n');
    print(isJson ? outlineJson(value, source) : escapeControls(outlineText(value)));
    return 0;
  }
  const { definition, value } = await answer(targetsOfDefinition, given, context);
  const source = definition.dockerfile.lines.join('\n');
  print(isJson ? targetsJson(value, source) : escapeControls(targetsText(value)));
  return 0;
}

async function check(given: CallOptions, context: CommandContext): Promise<number> {
  const result = await answer(checkDefinition, given, context);
  const { format, ignoreStatus } = given.call;
  say(context.stdout, reports[format](result));
  if (result.buildError !== undefined) {
    if (format === 'text' && result.warnings.length > 0) say(context.stdout, '\n');
    throw asBuildError(result.buildError);
  }
  return result.warnings.length > 0 && !ignoreStatus ? 1 : 0;
}

const reports: Readonly<Record<Call['format'], (result: CheckResult) => string>> = {
  text: checkText,
  json: checkJson,
  sarif: (result) => checkSarif(result, packageVersion()),
};

/** Progress is only worth its lines where somebody waits for a registry, or asked for it. */
async function answer<T>(
  request: Parameters<typeof ask<T>>[0],
  { options, mode }: CallOptions,
  { env, stderr }: CommandContext,
): Promise<T> {
  await using workshop = openWorkshop(options.root, env);
  const { events, result } = ask(request, options, workshop);
  const shown = mode === 'auto' && !stderr.isTTY ? 'quiet' : mode;
  await printEvents(events, { mode: shown, stream: stderr, env, summary: false });
  return await result;
}
