import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compileTemplate } from '../../src/cli/template/execute.js';
import { BuildError } from '../../src/model/error.js';
import { sample } from '../helpers/template-sample.js';

// What docker 28.2.2 refuses, in its words where they are the user's and not Go's lexer's.

const vectors: readonly (readonly [template: string, words: string])[] = [
  ['{{.Nothing.Foo}}', ''],
  ['{{.Name.Foo}}', ''],
  ['{{split .Csv "," | join}}', 'wrong number of args for join: want 2 got 1'],
  ['{{.Name | .Up}}', 'Up is not a method but has arguments'],
  ['{{.Name "x"}}', 'Name is not a method but has arguments'],
  ['{{"a" "b"}}', 'can\'t give argument to non-function "a"'],
  ['{{1 | 2}}', ''],
  ['{{.Name | "x"}}', ''],
  ['{{join .Name ","}}', ''],
  ['{{lower 5}}', ''],
  ['{{upper .List}}', 'wrong type for value; expected string; got []interface {}'],
  ['{{title .Nothing}}', ''],
  ['{{table .Name}}', 'function "table" not defined'],
  ['{{range .Name}}{{.}}{{end}}', "range can't iterate over web"],
  ['{{range .Up}}{{.}}{{end}}', "range can't iterate over true"],
  ['{{break}}', '{{break}} outside {{range}}'],
  ['{{continue}}', '{{continue}} outside {{range}}'],
  ['{{if .Up}}{{break}}{{end}}', '{{break}} outside {{range}}'],
  ['{{template "A"}}', ''],
  ['{{template "T2" .}}', ''],
  ['{{$x}}', 'undefined variable "$x"'],
  ['{{$x = 1}}', ''],
  ['{{if .Up}}{{$y := 1}}{{end}}{{$y}}', 'undefined variable "$y"'],
  ['{{eq 1 "1"}}', 'error calling eq: incompatible types for comparison'],
  ['{{eq .List .List}}', ''],
  ['{{eq "a"}}', 'error calling eq: missing argument for comparison'],
  ['{{lt 1 "a"}}', 'error calling lt: incompatible types for comparison'],
  ['{{lt true false}}', 'error calling lt: invalid type for comparison'],
  ['{{and}}', 'wrong number of args for and: want at least 1 got 0'],
  ['{{or}}', 'wrong number of args for or: want at least 1 got 0'],
  ['{{not}}', 'wrong number of args for not: want 1 got 0'],
  ['{{not 1 2}}', 'wrong number of args for not: want 1 got 2'],
  ['{{eq}}', 'wrong number of args for eq: want at least 1 got 0'],
  ['{{ne 1}}', 'wrong number of args for ne: want 2 got 1'],
  ['{{ne 1 2 3}}', 'wrong number of args for ne: want 2 got 3'],
  ['{{lt 1}}', 'wrong number of args for lt: want 2 got 1'],
  ['{{len 5}}', 'error calling len: len of type int'],
  ['{{len .Nothing}}', ''],
  ['{{index .List 3}}', ''],
  ['{{index .List -1}}', 'error calling index: index out of range: -1'],
  ['{{index .Name 9}}', 'error calling index: index out of range: 9'],
  ['{{index .List "a"}}', 'error calling index: cannot index slice/array with type string'],
  ['{{index .Map 1}}', 'error calling index: value has type int; should be string'],
  ['{{index .Nothing 0}}', ''],
  ['{{index 5 0}}', "error calling index: can't index item of type int"],
  ['{{slice .Name 1 9}}', 'error calling slice: index out of range: 9'],
  ['{{slice .List 2 1}}', 'error calling slice: invalid slice index: 2 > 1'],
  ['{{slice .Map 1}}', "error calling slice: can't slice item of type map[string]interface {}"],
  ['{{"a\\\'b"}}', 'invalid syntax'],
  ['{{"a\\zb"}}', 'invalid syntax'],
  ["{{'ab'}}", "malformed character constant: 'ab'"],
  ['{{nil}}', 'nil is not a command'],
  ['{{if nil}}a{{end}}', 'nil is not a command'],
  ['{{}}', 'missing value for command'],
  ['{{ }}', 'missing value for command'],
  ['{{', ''],
  ['{{.Name', ''],
  ['{{.Name}', ''],
  ['{{"abc}}', ''],
  ['{{end}}', 'unexpected {{end}}'],
  ['{{else}}', ''],
  ['{{if .Up}}', 'unexpected EOF'],
  ['{{if .Up}}a{{else}}b{{else}}c{{end}}', 'expected end; found {{else}}'],
  ['{{if}}a{{end}}', 'missing value for if'],
  ['{{range}}{{end}}', 'missing value for range'],
  ['{{with}}{{end}}', 'missing value for with'],
  ['{{foo}}', 'function "foo" not defined'],
  ['{{foo .Name}}', 'function "foo" not defined'],
  ['{{.Name | foo}}', 'function "foo" not defined'],
  ['{{if foo}}{{end}}', 'function "foo" not defined'],
  ['{{.Name.}}', ''],
  ['{{.Name..x}}', ''],
  ['{{(.Name}}', 'unclosed left paren'],
  ['{{.Name)}}', ''],
  ['{{()}}', ''],
  ['{{| .Name}}', ''],
  ['{{.Name || .Id}}', ''],
  ['{{/* c}}', 'unclosed comment'],
  ['{{/* c */ }}', 'comment ends before closing delimiter'],
  ['{{/* c */ .Name}}', 'comment ends before closing delimiter'],
  ['{{.Name /* c */}}', ''],
  ['{{@}}', ''],
  ['{{.Name!}}', ''],
  ['{{.Name,}}', ''],
  ['{{$x, $y := .List}}', 'too many declarations in command'],
  ['{{template .Name}}', ''],
  ['{{template "x" 1 2}}', ''],
  ['{{define .Name}}{{end}}', ''],
  ['{{"a"+"b"}}', ''],
  ['{{.Na-me}}', ''],
  ['{{.1a}}', ''],
  ['{{index.List}}', ''],
  ['{{end .Name}}', ''],
  ['{{nil | json}}', 'nil is not a command'],
  ['{{eq .Name"web"}}', ''],
  ['{{printf"%s" .Name}}', ''],
  ['{{else if .Up}}', ''],
  ['{{if .Up}}a{{end}}{{end}}', 'unexpected {{end}}'],
  ['{{.Name}}{{if}}', 'missing value for if'],
  ['{{"a\nb"}}', ''],
  ['{{ /* c */ }}', ''],
  ['{{/* c */-}} a', 'comment ends before closing delimiter'],
  ['{{"\\400"}}', 'invalid syntax'],
  ['{{if .Down}}{{foo}}{{end}}', 'function "foo" not defined'],
  ['{{upper(.Name)}}', ''],
  ['{{"a""b"}}', ''],
  ['{{1a}}', ''],
  ['{{printf 5}}', ''],
  ['{{truncate .Name -1}}', ''],
  ['{{pad 5 1 1}}', ''],
  ['{{pad .Name "1" 1}}', ''],
  ['{{truncate .Name}}', 'wrong number of args for truncate: want 2 got 1'],
  ['{{len .Up}}', 'error calling len: len of type bool'],
  ['{{.Foo}}', "can't evaluate field Foo"],
  ['{{.Config.Foo}}', "can't evaluate field Foo"],
  ['{{range .List}}{{.Foo}}{{end}}', "can't evaluate field Foo"],
  ['{{join .Name ","}}', 'expected slice, got string'],
  ['{{.Size.Foo}}', "can't evaluate field Foo"],
];

for (const [template, words] of vectors) {
  test(`${JSON.stringify(template)} is refused`, () => {
    assert.throws(
      () => compileTemplate(template)(sample),
      (error) => {
        assert.ok(error instanceof BuildError, String(error));
        assert.equal(error.code, 'usage');
        assert.match(error.message, /^template parsing error: /);
        assert.ok(error.message.includes(words), error.message);
        assert.doesNotMatch(error.message, /"kind"|map\[kind/);
        return true;
      },
    );
  });
}

test('syntax and unknown functions are found before there is any data', () => {
  for (const template of ['{{', '{{if .Up}}', '{{foo}}', '{{if .Down}}{{foo}}{{end}}', '{{end}}'])
    assert.throws(() => compileTemplate(template), BuildError, template);
});

test('a field that is not there is found only when it is reached', () => {
  assert.equal(compileTemplate('{{if .Down}}{{.Foo}}{{end}}')(sample), '');
});

test('names of the object prototype are no fields and no functions', () => {
  for (const template of ['{{.constructor}}', '{{.toString}}', '{{toString}}', '{{.__proto__}}'])
    assert.throws(() => compileTemplate(template)(sample), BuildError, template);
});

test('the hint shows what a template looks like', () => {
  assert.throws(
    () => compileTemplate('{{'),
    (error) => error instanceof BuildError && error.hint?.includes('{{json .}}') === true,
  );
});
