import { isAbsolute } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { CheckResult } from '../../model/check-result.js';
import type { SourceRange } from '../../model/error.js';
import type { LintWarning } from '../../model/lint.js';
import { indented } from './location.js';

/** A check as SARIF 2.1.0 (OASIS), as code scanning services read it. A build error is a notification of the run. */
export function checkSarif({ warnings, source, buildError }: CheckResult, version: string): string {
  const rules = [...new Map(warnings.map((warning) => [warning.ruleName, warning])).values()];
  const names = rules.map(({ ruleName }) => ruleName);
  const lines = source.text.split(/\r?\n/);
  const run = {
    tool: {
      driver: { name: 'stave', version, informationUri: RULES_PAGE, rules: rules.map(ruleOf) },
    },
    invocations: [
      {
        executionSuccessful: buildError === undefined,
        ...(buildError === undefined
          ? {}
          : { toolExecutionNotifications: [notification(buildError.message, buildError.range)] }),
      },
    ],
    artifacts: [{ location: artifact(source.filename), sourceLanguage: 'dockerfile' }],
    results: warnings.map((warning) => resultOf(warning, names, lines)),
    columnKind: 'utf16CodeUnits',
  };
  return indented({ $schema: SCHEMA, version: '2.1.0', runs: [run] });
}

const SCHEMA =
  'https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json';
const RULES_PAGE = 'https://docs.docker.com/reference/build-checks/';

function ruleOf({ ruleName, description, url }: LintWarning): object {
  return {
    id: ruleName,
    name: ruleName,
    shortDescription: { text: description },
    ...(url === undefined ? {} : { helpUri: url }),
    defaultConfiguration: { level: 'warning' },
  };
}

function resultOf(warning: LintWarning, names: readonly string[], lines: readonly string[]) {
  const { ruleName, detail, range } = warning;
  return {
    ruleId: ruleName,
    ruleIndex: names.indexOf(ruleName),
    level: 'warning',
    message: { text: detail },
    locations: [
      {
        physicalLocation: {
          artifactLocation: { ...artifact(range.file), index: 0 },
          region: regionOf(range, lines),
        },
      },
    ],
  };
}

/** Whole lines, without the last one's end: that is what a rule is broken by. */
function regionOf({ startLine, endLine }: SourceRange, lines: readonly string[]): object {
  const text = lines.slice(startLine - 1, endLine).join('\n');
  const endColumn = (lines[endLine - 1]?.length ?? 0) + 1;
  return { startLine, startColumn: 1, endLine, endColumn, snippet: { text } };
}

function notification(message: string, range: SourceRange | undefined): object {
  const { file, startLine, endLine } = range ?? { file: '', startLine: 0, endLine: 0 };
  const physicalLocation = { artifactLocation: artifact(file), region: { startLine, endLine } };
  return {
    level: 'error',
    message: { text: message },
    ...(range === undefined ? {} : { locations: [{ physicalLocation }] }),
  };
}

function artifact(file: string): object {
  return { uri: isAbsolute(file) ? pathToFileURL(file).href : encodeURI(file) };
}
