import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { escapeControls, lastOfRewritten, oneLine } from '../../src/ui/escape.js';

const ESCAPED: readonly (readonly [what: string, text: string, shown: string])[] = [
  ['plain text', 'hello wörld 日本 😀', 'hello wörld 日本 😀'],
  ['tabs and newlines', 'a\tb\nc', 'a\tb\nc'],
  ['colours', '\x1b[31mred\x1b[0m', '\x1b[31mred\x1b[0m'],
  ['bold colours', '\x1b[1;38;5;208mx\x1b[m', '\x1b[1;38;5;208mx\x1b[m'],
  ['NUL and bell', 'a\0b\x07', 'a\\x00b\\x07'],
  ['backspace, which overwrites', 'ab\x08\x08cd', 'ab\\x08\\x08cd'],
  ['return, which overwrites', 'safe\revil', 'safe\\x0devil'],
  ['vertical tab and form feed', '\v\f', '\\x0b\\x0c'],
  ['cursor up', '\x1b[2Aevil', '\\x1b[2Aevil'],
  ['cursor home and erase', '\x1b[H\x1b[2J', '\\x1b[H\\x1b[2J'],
  ['erase of the line', '\x1b[2K\x1b[1G', '\\x1b[2K\\x1b[1G'],
  ['the window title', '\x1b]0;evil\x07', '\\x1b]0;evil\\x07'],
  ['a link', '\x1b]8;;http://x\x1b\\text', '\\x1b]8;;http://x\\x1b\\text'],
  ['the clipboard', '\x1b]52;c;aGk=\x07', '\\x1b]52;c;aGk=\\x07'],
  ['a device query', '\x1b[6n\x1b[c', '\\x1b[6n\\x1b[c'],
  ['the other screen', '\x1b[?1049h', '\\x1b[?1049h'],
  ['a reset of the terminal', '\x1bc', '\\x1bc'],
  ['another character set', '\x1b(0\x0e', '\\x1b(0\\x0e'],
  ['DCS', '\x1bPq#0\x1b\\', '\\x1bPq#0\\x1b\\'],
  ['C1 controls', '\x9b2J\x9d0;x\x9c\x84', '\\x9b2J\\x9d0;x\\x9c\\x84'],
  ['DEL', 'a\x7f', 'a\\x7f'],
  ['a lone escape at the end', 'a\x1b', 'a\\x1b'],
  ['a colour that is not finished', 'a\x1b[31', 'a\\x1b[31'],
  ['an escape within an escape', '\x1b\x1b[31m', '\\x1b\x1b[31m'],
  ['characters just beyond the controls', ' ~\u00a0', ' ~\u00a0'],
];

for (const [what, text, shown] of ESCAPED) {
  test(`in output: ${what}`, () => {
    assert.equal(escapeControls(text), shown);
  });
}

test('nothing but tabs, newlines and colours is left that a terminal acts upon', () => {
  const unit = fc.oneof(
    fc.integer({ min: 0, max: 0xa0 }).map((code) => String.fromCharCode(code)),
    fc.constantFrom('\x1b[', '\x1b]', 'm', '31', ';', '?'),
  );
  fc.assert(
    fc.property(fc.array(unit), (units) => {
      const left = escapeControls(units.join('')).replace(/\x1b\[[0-9;]*m/g, '');
      assert.doesNotMatch(left, /[\x00-\x08\x0b-\x1f\x7f-\x9f]/);
    }),
  );
});

const REWRITTEN: readonly (readonly [line: string, last: string])[] = [
  ['plain', 'plain'],
  ['', ''],
  ['dos\r', 'dos'],
  ['dos\r\r', 'dos'],
  ['\r', ''],
  ['10%\r50%\r100%', '100%'],
  ['10%\r50%\r100%\r', '100%'],
  ['\rstart', 'start'],
];

for (const [line, last] of REWRITTEN) {
  test(`${JSON.stringify(line)} is at last ${JSON.stringify(last)}`, () => {
    assert.equal(lastOfRewritten(line), last);
  });
}

test('a title is one line', () => {
  assert.equal(oneLine('RUN a\n\tb\x1b[2J'), 'RUN a  b\\x1b[2J');
});
