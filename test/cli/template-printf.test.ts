import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compileTemplate } from '../../src/cli/template/execute.js';
import { sample } from '../helpers/template-sample.js';

// printf of Go templates.
// Expected is what docker 28.2.2 (context inspect --format) printed for the same template over the same data.

type Vectors = readonly (readonly [template: string, printed: string])[];

const verbs: Vectors = [
  ['{{printf "%v" .List}}', '[a b c]'],
  ['{{printf "%v" .Map}}', 'map[a:1 b:2]'],
  ['{{printf "%q" .Name}}', '"web"'],
  ['{{printf "%q" "a\\"b\\n"}}', '"a\\"b\\n"'],
  ['{{printf "%q" .Long}}', '"naïve café"'],
  ['{{printf "%q" .List}}', '["a" "b" "c"]'],
  ['{{printf "%s" .List}}', '[a b c]'],
  ['{{printf "%d" 42}}', '42'],
  ['{{printf "%5d|" 42}}', '   42|'],
  ['{{printf "%-5d|" 42}}', '42   |'],
  ['{{printf "%05d" 42}}', '00042'],
  ['{{printf "%05d" -42}}', '-0042'],
  ['{{printf "%+d" 42}}', '+42'],
  ['{{printf "%x" 255}}', 'ff'],
  ['{{printf "%X" 255}}', 'FF'],
  ['{{printf "%#x" 255}}', '0xff'],
  ['{{printf "%o" 8}}', '10'],
  ['{{printf "%b" 5}}', '101'],
  ['{{printf "%c" 65}}', 'A'],
  ['{{printf "%U" 65}}', 'U+0041'],
  ['{{printf "%x" "hi"}}', '6869'],
  ['{{printf "%X" "hi~"}}', '68697E'],
  ['{{printf "% x" "hi"}}', '68 69'],
  ['{{printf "%f" 1.5}}', '1.500000'],
  ['{{printf "%.2f" 1.256}}', '1.26'],
  ['{{printf "%8.2f|" 1.5}}', '    1.50|'],
  ['{{printf "%08.2f|" 1.5}}', '00001.50|'],
  ['{{printf "%e" 1500.0}}', '1.500000e+03'],
  ['{{printf "%g" 1500.5}}', '1500.5'],
  ['{{printf "%t" .Up}}', 'true'],
  ['{{printf "%v" true}}', 'true'],
  ['{{printf "%10s|" .Name}}', '       web|'],
  ['{{printf "%-10s|" .Name}}', 'web       |'],
  ['{{printf "%.2s|" .Name}}', 'we|'],
  ['{{printf "%6.2s|" .Name}}', '    we|'],
  ['{{printf "%.3s|" .Long}}', 'naï|'],
  ['{{printf "%12s|" .Long}}', '  naïve café|'],
  ['{{printf "%-12s|" .Long}}', 'naïve café  |'],
  ['{{printf "%%"}}', '%'],
  ['{{printf "100%%"}}', '100%'],
  ['{{printf "%s"}}', '%!s(MISSING)'],
  ['{{printf "%s %s" "a"}}', 'a %!s(MISSING)'],
  ['{{printf "%s" "a" "b"}}', 'a%!(EXTRA string=b)'],
  ['{{printf "x" 5}}', 'x%!(EXTRA int=5)'],
  ['{{printf "%d" "x"}}', '%!d(string=x)'],
  ['{{printf "%s" 5}}', '%!s(int=5)'],
  ['{{printf "%s" true}}', '%!s(bool=true)'],
  ['{{printf "%t" 5}}', '%!t(int=5)'],
  ['{{printf "%z" 5}}', '%!z(int=5)'],
  ['{{printf "%q" 65}}', "'A'"],
  ['{{printf "%v" nil}}', '<nil>'],
  ['{{printf "%s" nil}}', '%!s(<nil>)'],
  ['{{printf "%T" .Name}}', 'string'],
  ['{{printf "%T" 5}}', 'int'],
  ['{{printf "%*d|" 5 42}}', '   42|'],
  ['{{printf "%[2]s %[1]s" "a" "b"}}', 'b a'],
  ['{{printf "%5t|" true}}', ' true|'],
  ['{{printf "%5v|" .List}}', '[    a     b     c]|'],
  ['{{printf "%!"}}', '%!!(MISSING)'],
  ['{{printf "%"}}', '%!(NOVERB)'],
  ['{{printf "a\\tb"}}', 'a\tb'],
  ['{{printf "%v" 1.0}}', '1'],
  ['{{printf "%v" 1e21}}', '1e+21'],
  ['{{printf "%d" 1.5}}', '%!d(float64=1.5)'],
  ['{{printf "%x|% d|%+v" .List 5 .Map}}', '[61 62 63]| 5|map[a:1 b:2]'],
  [
    '{{printf "%6d|%06d|%-6d|%x|%#o|%08b" -5 -5 -5 -255 8 5}}',
    '    -5|-00005|-5    |-ff|010|00000101',
  ],
  ['{{printf "%.3d|%5.3d" 7 7}}', '007|  007'],
  ['{{printf "%[1]d %[1]v" 5}}', '5 5'],
  ['{{printf "%d" .List}}', '[%!d(string=a) %!d(string=b) %!d(string=c)]'],
  ['{{printf "%v %s" .Mixed .Nothing}}', '[s true <nil> [t]] %!s(<nil>)'],
  ['{{printf "%q" .Mixed}}', '["s" %!q(bool=true) <nil> ["t"]]'],
  ['{{printf "%g %G %.3g" 100000.0 1e-10 1234.5678}}', '100000 1E-10 1.23e+03'],
  ['{{printf "%6q|%-6q|" "a" "b"}}', '   "a"|"b"   |'],
  ['{{printf "%05s|%-05d|" "ab" 4}}', '000ab|4    |'],
  ['{{printf "%c%c" 72 233}}', 'Hé'],
  ['{{printf "%08.3f|%+.1f|% .1f" 3.14159 2.0 2.5}}', '0003.142|+2.0| 2.5'],
  ['{{printf "%s%%%d" "a" 5 6}}', 'a%5%!(EXTRA int=6)'],
  ['{{printf "%*s|%-*s|" 5 "a" 4 "b"}}', '    a|b   |'],
  ['{{printf "%6.1f|%-8d|%+.2e|%x" 3.14159 7 12345.678 "é"}}', '   3.1|7       |+1.23e+04|c3a9'],
  ['{{printf "%q" "a\\x01\\u200b😀"}}', '"a\\x01\\u200b😀"'],
  ['{{index .Config.Env 0 | printf "%.4s"}}', 'PATH'],
  ['{{range split (index (split .Id ":") 1 | printf "%.3s") ""}}{{.}}-{{end}}', '0-1-2-'],
  ['{{(index .Nested 0).V | printf "v%s"}}', 'v1'],
];

const groups = { verbs };

for (const [group, vectors] of Object.entries(groups)) {
  for (const [template, printed] of vectors) {
    test(`${group}: ${JSON.stringify(template)}`, () => {
      assert.equal(compileTemplate(template)(sample), printed);
    });
  }
}
