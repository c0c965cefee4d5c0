import type { CheckedError, CheckResult } from '../../model/check-result.js';
import { BuildError } from '../../model/error.js';
import type { LintWarning } from '../../model/lint.js';
import { escapeControls } from '../../ui/escape.js';
import { sourceExcerpt } from '../../ui/source-excerpt.js';
import { base64, indented, location } from './location.js';

/** What buildx prints of a check. A build error is no part of it: it goes the way of errors. */
export function checkText({ warnings, source, buildError }: CheckResult): string {
  if (warnings.length === 0) return buildError === undefined ? NONE : '';
  const lines = source.text.split('\n');
  const count =
    warnings.length === 1
      ? '1 warning has been found!'
      : `${String(warnings.length)} warnings have been found!`;
  const shown = warnings.flatMap((warning) => ['', ...warningText(warning, lines)]);
  return `${[`Check complete, ${count}`, ...shown].map(escapeControls).join('\n')}\n`;
}

const NONE = 'Check complete, no warnings found.\n';

function warningText({ ruleName, url, detail, range }: LintWarning, lines: readonly string[]) {
  return [
    url === undefined ? `WARNING: ${ruleName}` : `WARNING: ${ruleName} - ${url}`,
    detail,
    `${range.file}:${String(range.startLine)}`,
    ...sourceExcerpt(lines, range),
  ];
}

/** BuildKit's `result.json` of the request `frontend.lint`. */
export function checkJson({ warnings, source, buildError }: CheckResult): string {
  return indented({
    warnings: warnings.map(({ ruleName, description, url, detail, range }) => ({
      ruleName,
      description,
      url,
      detail,
      location: location(range),
    })),
    sources: [{ filename: source.filename, data: base64(source.text), language: 'Dockerfile' }],
    ...(buildError === undefined ? {} : { buildError: errorJson(buildError, source.filename) }),
  });
}

/** Only a place in the Dockerfile is one of its sources. */
function errorJson({ message, range }: CheckedError, filename: string): object {
  return { message, location: range?.file === filename ? location(range) : {} };
}

/** The build error as an error again. */
export function asBuildError({ message, ...options }: CheckedError): BuildError {
  return new BuildError('syntax', message, options);
}
