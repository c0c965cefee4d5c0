import { buildName } from './build-name.js';
import type { BuildRecord } from './build-record.js';
import { type BuildStep, BuildSteps, stepDuration } from './build-steps.js';
import { isTrue, reportConfig, type ReportedConfig } from './report-config.js';
import { stepReason, type StepReason } from './why-report.js';

/** What `history inspect --format json` prints: buildx' fields, then ours. */
export interface BuildReport {
  readonly Name: string;
  readonly Ref: string;
  readonly Context: string;
  readonly Dockerfile: string;
  readonly VCSRepository?: string;
  readonly VCSRevision?: string;
  readonly Target?: string;
  readonly Platform: readonly string[];
  readonly KeepGitDir?: true;
  readonly NamedContexts?: readonly NameValue[];
  readonly StartedAt: string;
  readonly CompletedAt?: string;
  /** Nanoseconds. */
  readonly Duration: number;
  readonly Status: string;
  readonly Error?: ReportedError;
  readonly NumCompletedSteps: number;
  readonly NumTotalSteps: number;
  readonly NumCachedSteps: number;
  readonly BuildArgs?: readonly NameValue[];
  readonly Labels?: readonly NameValue[];
  readonly Config: ReportedConfig;
  readonly Materials?: readonly ReportedMaterial[];
  /** Further flags, and the names that were asked for. */
  readonly Flags: readonly string[];
  readonly Tags: readonly string[];
  readonly ImageID?: string;
  readonly Manifest?: string;
  readonly Steps: readonly ReportedStep[];
}

export interface ReportedMaterial {
  readonly URI: string;
  readonly Digests: readonly string[];
}

export interface NameValue {
  readonly Name: string;
  readonly Value: string;
}

export interface ReportedError {
  readonly Message: string;
  readonly Code?: string;
  readonly Hint?: string;
  /** The last lines of the step's output. */
  readonly Logs?: readonly string[];
  readonly File?: string;
  readonly StartLine?: number;
  readonly EndLine?: number;
  readonly Source?: readonly string[];
}

export interface ReportedStep extends Omit<StepReason, 'Cause'> {
  readonly StartedAt?: string;
  readonly CompletedAt?: string;
  readonly Duration: number;
  readonly LogBytes: number;
  readonly Error?: string;
  readonly Line?: number;
}

export function buildReport(record: BuildRecord, now: number): BuildReport {
  const { facts, status, end, seen, steps } = record;
  const until = status === 'running' ? now : seen;
  return {
    Name: buildName(facts),
    Ref: facts.id,
    Context: facts.context,
    Dockerfile: facts.dockerfile,
    ...(facts.vcs?.source === undefined ? {} : { VCSRepository: facts.vcs.source }),
    ...(facts.vcs?.revision === undefined ? {} : { VCSRevision: facts.vcs.revision }),
    ...(facts.target === undefined ? {} : { Target: facts.target }),
    Platform: facts.platforms,
    ...(isTrue(facts.buildArgs['BUILDKIT_CONTEXT_KEEP_GIT_DIR']) ? { KeepGitDir: true } : {}),
    ...pairs('NamedContexts', facts.buildContexts),
    StartedAt: iso(facts.started),
    ...(end === undefined ? {} : { CompletedAt: iso(end.time) }),
    Duration: nanoseconds(until - facts.started),
    Status: status,
    ...(end?.error === undefined ? {} : { Error: errorOf(end.error) }),
    NumCompletedSteps: steps.completed,
    NumTotalSteps: steps.total,
    NumCachedSteps: steps.cached,
    ...pairs('BuildArgs', facts.buildArgs),
    ...pairs('Labels', facts.labels),
    Config: reportConfig(facts),
    ...materialsOf(record),
    Flags: facts.flags,
    Tags: facts.tags,
    ...(end?.result === undefined
      ? {}
      : { ImageID: end.result.imageId, Manifest: end.result.manifest }),
    Steps: numbered(stepsOf(record)).map((step) => reportStep(step, until)),
  };
}

/** Of a record, with what became of each. */
export function stepsOf(record: BuildRecord): readonly BuildStep[] {
  const steps = new BuildSteps();
  for (const event of record.events()) steps.add(event);
  return steps.list();
}

/** Those of which nothing was said are last. */
function numbered(steps: readonly BuildStep[]): readonly BuildStep[] {
  const order = ({ number }: BuildStep): number => (number === 0 ? Infinity : number);
  return steps.toSorted((a, b) => (a.number === b.number ? 0 : order(a) - order(b)));
}

function reportStep(step: BuildStep, until: number): ReportedStep {
  const { started, ended, error, range, logBytes } = step;
  return {
    ...stepReason(step, []),
    ...(started === undefined ? {} : { StartedAt: iso(started) }),
    ...(ended === undefined ? {} : { CompletedAt: iso(ended) }),
    Duration: nanoseconds(stepDuration(step, until)),
    LogBytes: logBytes,
    ...(error === undefined ? {} : { Error: error }),
    ...(range === undefined ? {} : { Line: range.startLine }),
  };
}

type Failure = NonNullable<NonNullable<BuildRecord['end']>['error']>;

function errorOf({ message, code, hint, details, range, source }: Failure): ReportedError {
  return {
    Message: message,
    ...(code === undefined ? {} : { Code: code }),
    ...(hint === undefined ? {} : { Hint: hint }),
    ...(details === undefined ? {} : { Logs: details }),
    ...(range === undefined
      ? {}
      : { File: range.file, StartLine: range.startLine, EndLine: range.endLine }),
    ...(source === undefined ? {} : { Source: source }),
  };
}

function materialsOf(record: BuildRecord): Pick<BuildReport, 'Materials'> {
  const Materials = record.materials().map(({ uri, digests }) => ({ URI: uri, Digests: digests }));
  return Materials.length === 0 ? {} : { Materials };
}

function pairs(
  field: 'NamedContexts' | 'BuildArgs' | 'Labels',
  values: Readonly<Record<string, string>>,
): Partial<Record<typeof field, readonly NameValue[]>> {
  const list = Object.entries(values).map(([Name, Value]) => ({ Name, Value }));
  return list.length === 0 ? {} : { [field]: list };
}

function iso(time: number): string {
  return new Date(time).toISOString();
}

function nanoseconds(ms: number): number {
  return Math.round(ms * 1e6);
}
