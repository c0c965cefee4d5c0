import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';
import Ajv from 'ajv';
import { checkSarif } from '../../src/cli/call/sarif.js';
import type { CheckResult } from '../../src/model/check-result.js';
import type { LintWarning } from '../../src/model/lint.js';
import { lintRule, RULE_NAMES } from '../../src/parser/lint/rules.js';

const load = createRequire(import.meta.url);
const ajv = new Ajv({ schemaId: 'auto', allErrors: true });
ajv.addMetaSchema(load('ajv/lib/refs/json-schema-draft-04.json') as object);
// OASIS' schema, as Microsoft's SDK carries it.
const schema = '@microsoft/jest-sarif/lib/schemas/sarif-2.1.0-rtm.5.json';
const validate = ajv.compile(load(schema) as object);

interface Log {
  readonly runs: readonly [
    {
      readonly tool: { readonly driver: { readonly rules: readonly { readonly id: string }[] } };
      readonly results: readonly {
        readonly ruleId: string;
        readonly ruleIndex: number;
        readonly locations: readonly [{ readonly physicalLocation: { readonly region: object } }];
      }[];
    },
  ];
}

function valid(text: string): Log {
  const log = JSON.parse(text) as unknown;
  assert.ok(validate(log), ajv.errorsText(validate.errors, { separator: '\n' }));
  return log as Log;
}

const file = 'dir with blank/Döckerfile';

function result(text: string, more: Partial<CheckResult> = {}): CheckResult {
  return { warnings: [], source: { filename: file, text }, ...more };
}

test('every rule, found twice, is one entry of the rules, and valid', () => {
  const warnings = [1, 2].flatMap((startLine) =>
    RULE_NAMES.map((name): LintWarning => {
      const { description, url } = lintRule(name);
      const range = { file, startLine, endLine: startLine };
      const page = url === undefined ? {} : { url };
      return { ruleName: name, description, detail: `${name} here`, range, ...page };
    }),
  );
  const [run] = valid(checkSarif(result('FROM a\nFROM b\n', { warnings }), '1.2.3')).runs;
  const ids = run.tool.driver.rules.map(({ id }) => id);
  assert.deepEqual(ids, [...RULE_NAMES]);
  assert.equal(run.results.length, 2 * RULE_NAMES.length);
  for (const { ruleId, ruleIndex } of run.results) assert.equal(ids[ruleIndex], ruleId);
});

test('a region is whole lines, in UTF-16 units, without their ends', () => {
  const { description } = lintRule('StageNameCasing');
  const warning = { ruleName: 'StageNameCasing', description, detail: 'd' };
  for (const end of ['\n', '\r\n']) {
    const text = ['FROM scratch', 'LABEL a=\u{1f40b} \\', '  b=é', ''].join(end);
    const range = { file, startLine: 2, endLine: 3 };
    const [run] = valid(checkSarif(result(text, { warnings: [{ ...warning, range }] }), '1')).runs;
    assert.deepEqual(run.results[0]?.locations[0].physicalLocation.region, {
      ...{ startLine: 2, startColumn: 1, endLine: 3, endColumn: 6 },
      snippet: { text: 'LABEL a=\u{1f40b} \\\n  b=é' },
    });
  }
});

test('nothing found, and build errors with and without a place', () => {
  valid(checkSarif(result(''), '1'));
  const error = { message: 'no', details: [] };
  valid(checkSarif(result('FROM', { buildError: error }), '1'));
  const range = { file: '/absolute path/Dockerfile', startLine: 1, endLine: 1 };
  valid(checkSarif(result('FROM', { buildError: { ...error, range } }), '1'));
});

test('what the command line prints for the fixtures is valid', () => {
  const dir = 'fixtures/check';
  for (const name of readdirSync(dir)) {
    const golden = readFileSync(join(dir, name, 'check.sarif'), 'utf8');
    valid(golden.slice(0, golden.lastIndexOf('\n}\n') + 3));
  }
});
