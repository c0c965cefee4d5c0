export type {
  Build,
  BuildOptions,
  BuildResult,
  BuildWarning,
  OutputSpec,
} from './model/build-options.js';
export type { CacheFrom, CacheTo } from './model/cache-options.js';
export { BuildError, CancelledError, type ErrorCode, type SourceRange } from './model/error.js';
export { type BuildEvent, describeWhy, type Why } from './model/events.js';
export type { CheckedError, CheckOptions, CheckResult } from './model/check-result.js';
export type { LintWarning } from './model/lint.js';
export type {
  BuildEnd,
  BuildFacts,
  BuildFailure,
  BuildOutcome,
  BuildStatus,
  BuildSummary,
  StepCounts,
} from './model/build-record.js';
export type { BuildReport } from './model/build-report.js';
export type { Trace, TraceEvent } from './model/build-trace.js';
export { build, check } from './api.js';
export { type BuildHistory, history, type HistoryOptions } from './history-api.js';
