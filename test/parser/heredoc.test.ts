import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { heredocBody, heredocWord, heredocWords } from '../../src/parser/heredoc.js';
import { parseDockerfile } from '../../src/parser/parse.js';
import { runScript } from '../../src/parser/run-script.js';

const HEREDOCS: Readonly<
  Record<string, { name?: string; expand?: false; chomp?: true; descriptor?: number }>
> = {
  '<<EOF': {},
  "<<'EOF'": { expand: false },
  '<<"EOF"': { expand: false },
  '<<-EOF': { chomp: true },
  "<<-'EOF'": { chomp: true, expand: false },
  '<<EO"F"': { expand: false },
  '<< EOF': {},
  '<<- EOF': { chomp: true },
  '3<<EOF': { descriptor: 3 },
  '10<<-EOF': { descriptor: 10, chomp: true },
  '<<file.txt': { name: 'file.txt' },
  "<<'one two'": { name: 'one two', expand: false },
  "<<eo\\'f": { name: "eo'f" },
  "<<'e'o\\'f": { name: "eo'f", expand: false },
  '<<$EOF': { name: '$EOF' },
  '<<-': { name: '' },
  '<<': { name: '' },
  '<EOF': { name: '' },
  '<<<EOF': { name: '' },
  '<<EOF sh': { name: '' },
  "<<'EOF": { name: '' },
  '<<EOF"': { name: '' },
  "<<''": { name: '' },
  'cat<<EOF': { name: '' },
  '': { name: '' },
};

describe('H2 a word that begins a here-document (TestParseHeredocHelpers)', () => {
  for (const [text, expected] of Object.entries(HEREDOCS)) {
    test(text, () => {
      const { name = 'EOF', ...rest } = expected;
      const whole = { name, expand: true, chomp: false, descriptor: 0, ...rest };
      assert.deepEqual(heredocWord(text), name === '' ? undefined : whole);
    });
  }
});

test('H2 those of a line, in order (TestHeredocsFromLine)', () => {
  const rows: Readonly<Record<string, readonly string[]>> = {
    'RUN <<EOF': ['EOF'],
    'RUN << EOF >x': ['EOF'],
    'RUN << -EOF': ['-EOF'],
    'RUN <<-EOF cat': ['EOF'],
    'RUN <<A 3<<B cat <<"C"': ['A', 'B', 'C'],
    'RUN \'<<EOF\' "<<EOF" \\<<EOF': [],
    'RUN cat <<<EOF': [],
    'RUN <<- EOF': [],
    "RUN echo it's <<EOF": [],
    'RUN echo 1<2 <<EOF': ['EOF'],
    'RUN cat <<EOF # <<NOT': ['EOF', 'NOT'],
  };
  for (const [line, names] of Object.entries(rows)) {
    assert.deepEqual(
      heredocWords(line).map(({ name }) => name),
      names,
      line,
    );
  }
});

/** `3-5 RUN EOF="body"`: each instruction with its lines and here-documents. */
function shown(text: string): string[] {
  const { instructions, diagnostics } = parseDockerfile(text, 'Dockerfile');
  const problems = diagnostics.map(({ message, range, hint }) =>
    [
      `${String(range.startLine)}-${String(range.endLine)} ! ${message}`,
      ...(hint === undefined ? [] : [hint]),
    ].join(' / '),
  );
  const lines = instructions.map((instruction) => {
    const { range, text: line } = instruction;
    const heredocs = 'heredocs' in instruction ? instruction.heredocs : [];
    const bodies = heredocs.map((each) => ` ${each.name}=${JSON.stringify(heredocBody(each))}`);
    const trigger = instruction.kind === 'onbuild' ? ` ${JSON.stringify(instruction.trigger)}` : '';
    return `${String(range.startLine)}-${String(range.endLine)} ${line}${bodies.join('')}${trigger}`;
  });
  return [...lines.slice(1), ...problems];
}

const FILES: Readonly<Record<string, readonly [text: string, ...shown: string[]]>> = {
  'H4 nothing is read in a body': [
    'RUN <<EOF\n# text\na \\\n\n  RUN b\nEOF\nRUN c',
    '2-7 RUN <<EOF EOF="# text\\na \\\\\\n\\n  RUN b\\n"',
    '8-8 RUN c',
  ],
  'H2 several are read in order': [
    'COPY <<X <<Y /dest\nY\nX\nX\nY\n',
    '2-6 COPY <<X <<Y /dest X="Y\\n" Y="X\\n"',
  ],
  'H3 tabs go from the lines and the delimiter': [
    'RUN <<-EOF\n\t\ta\n\t b\n c\n\tEOF',
    '2-6 RUN <<-EOF EOF="a\\n b\\n c\\n"',
  ],
  'H4 without the dash the delimiter stands alone': [
    'RUN <<EOF\n\tEOF\nEOF',
    '2-4 RUN <<EOF EOF="\\tEOF\\n"',
  ],
  'P1 line breaks of Windows': ['RUN <<EOF\r\na\r\nEOF\r\n', '2-4 RUN <<EOF EOF="a\\r\\n"'],
  'an empty body': ['RUN <<EOF\nEOF', '2-3 RUN <<EOF EOF=""'],
  'after a continuation and flags': [
    'RUN --network=none \\\n  # comment\n  <<EOF\na\nEOF',
    '2-6 RUN --network=none   <<EOF EOF="a\\n"',
  ],
  'H1 not in JSON form nor elsewhere': [
    'RUN ["<<EOF"]\nCMD <<EOF\nENTRYPOINT <<EOF\nHEALTHCHECK CMD <<EOF\nUSER <<EOF\nENV A=<<EOF',
    '2-2 RUN ["<<EOF"]',
    '3-3 CMD <<EOF',
    '4-4 ENTRYPOINT <<EOF',
    '5-5 HEALTHCHECK CMD <<EOF',
    '6-6 USER <<EOF',
    '7-7 ENV A=<<EOF',
  ],
  'H8 ONBUILD keeps the whole text': [
    'ONBUILD run cat <<-A <<"B"\n\ta\n\tA\nb\nB',
    '2-6 ONBUILD run cat <<-A <<"B" "run cat <<-A <<\\"B\\"\\n\\ta\\nA\\nb\\nB"',
  ],
  'blanks in a delimiter and after it': [
    "COPY <<'one two' << three /d/\n1\none two\n3\nthree",
    '2-6 COPY <<\'one two\' << three /d/ one two="1\\n" three="3\\n"',
  ],
  'H2 no delimiter: the rest of the file is the body': [
    'RUN a\nRUN <<EOF\nRUN b\nCOPY c',
    '2-2 RUN a',
    '3-5 ! unterminated heredoc: no line "EOF" ends it / write EOF alone on the line after the last',
  ],
  'the delimiter is indented': [
    'RUN <<EOF\na\n  EOF\nRUN b',
    '2-5 ! unterminated heredoc: no line "EOF" ends it / line 4 has blanks beside EOF: the delimiter must stand alone',
  ],
  'a redirection sticks to the delimiter': [
    'RUN cat <<EOF>/x\na\nEOF',
    '2-4 ! unterminated heredoc: no line "EOF>/x" ends it / put a blank after <<EOF',
  ],
  'H7 not the destination': [
    'COPY a <<EOF\nEOF',
    '2-3 ! COPY cannot accept a heredoc as a destination',
  ],
  'a path as delimiter': [
    'COPY <<a/b /d\na/b',
    '2-3 ! COPY cannot name a file "a/b" after its here-document / use a delimiter without /, and give the path as the destination',
  ],
};

// BuildKit's TestParseExtractsHeredoc, TestHeredocChomp, TestParseJSONHeredoc, TestErrorCasesHeredoc
describe('here-documents of a file', () => {
  for (const [name, [text, ...expected]] of Object.entries(FILES)) {
    test(name, () => {
      assert.deepEqual(shown(`FROM a\n${text}`), expected);
    });
  }
});

test('H5 H6 what the shell gets (TestRunHeredoc)', () => {
  const script = (text: string) => {
    const [, run] = parseDockerfile(`FROM a\n${text}`, 'Dockerfile').instructions;
    assert.ok(run?.kind === 'run' && !run.form.json);
    return runScript(run.form.text, run.heredocs);
  };
  assert.deepEqual(script('RUN <<EOF\na $b\nEOF'), { text: 'a $b\n' });
  assert.deepEqual(script('RUN 3<<-"EOF"\n\ta\n\tEOF'), { text: 'a\n' });
  assert.deepEqual(script('RUN <<-EOF\n\t#!/bin/x\n\ta\nEOF'), {
    text: '/dev/pipes/EOF',
    file: { name: 'EOF', content: '#!/bin/x\na\n' },
  });
  assert.equal(script("RUN <<'a b'\n#!/bin/x\na b").file?.name, 'script');
  assert.equal(script('RUN <<..\n#!/bin/x\n..').file?.name, 'script');
  assert.deepEqual(script('RUN cat <<-A 3<<B\n\ta\n\tA\nb\nB'), {
    text: 'cat <<-A 3<<B\n\ta\nA\nb\nB',
  });
});
