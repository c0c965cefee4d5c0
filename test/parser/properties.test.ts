import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { readFlags } from '../../src/parser/flags.js';
import { heredocBody, heredocWords } from '../../src/parser/heredoc.js';
import { compileGlob, replaceMatches, trimPrefix, trimSuffix } from '../../src/parser/glob.js';
import { parseDockerfile } from '../../src/parser/parse.js';
import { Problem } from '../../src/parser/problem.js';
import { quotedWords } from '../../src/parser/split.js';
import { expandText, expandTitle, expandWord, expandWords } from '../../src/parser/words.js';

const unset = (): undefined => undefined;
/** Texts of the characters that mean something, among others. */
const tricky = (...tokens: string[]) =>
  fc
    .array(fc.oneof(fc.constantFrom(...tokens), fc.string({ unit: 'grapheme', maxLength: 2 })), {
      maxLength: 30,
    })
    .map((parts) => parts.join(''));
const word = tricky(
  '\\',
  '`',
  '"',
  "'",
  '$',
  '{',
  '}',
  '${',
  ':-',
  '#',
  '%',
  '/',
  '*',
  '?',
  'A',
  ' ',
);
const line = tricky(
  '\\',
  '"',
  "'",
  '<',
  '<<',
  '<<-',
  'EOF',
  ' ',
  '\t',
  '[',
  '"]',
  '--a=',
  '$',
  '#',
  'a',
  'COPY',
);
const plainText = fc.string({ unit: 'grapheme' }).filter((text) => !/[\0\r\n]/.test(text));

const holds = <T>(property: fc.IPropertyWithHooks<T>): void => {
  fc.assert(property, { numRuns: 150 });
};

describe('expansion', () => {
  test('refuses or answers, whatever it is given', () => {
    holds(
      fc.property(
        word,
        fc.option(word, { nil: undefined }),
        fc.constantFrom('\\', '`'),
        (text, value, escape) => {
          for (const expand of [expandWord, expandWords, expandText]) {
            try {
              expand(text, () => value, escape);
            } catch (error) {
              assert.ok(error instanceof Problem, String(error));
            }
          }
          expandTitle(text, () => value, escape);
        },
      ),
    );
  });
  test('gives back what was quoted', () => {
    holds(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        assert.equal(expandWord(`'${text.replaceAll("'", `'"'"'`)}'`, unset, '\\'), text);
        assert.equal(
          expandWord(Array.from(text, (char) => `\\${char}`).join(''), unset, '\\'),
          text,
        );
        assert.equal(expandWord(`"${text.replace(/["$\\]/g, '\\$&')}"`, unset, '\\'), text);
        assert.equal(expandText(text.replace(/[$\\]/g, '\\$&'), unset, '\\'), text);
      }),
    );
  });
  test('puts in values as they are', () => {
    holds(
      fc.property(fc.string({ unit: 'grapheme' }), (value) => {
        assert.equal(
          expandWord('$A${A}${A:+${A}}', () => value, '\\'),
          value + value + (value === '' ? '' : value),
        );
        assert.deepEqual(
          expandWords('"$A"', () => value, '\\'),
          value === '' ? [] : [value],
        );
      }),
    );
  });
});

describe('globs', () => {
  const glob = fc
    .array(fc.constantFrom('a', 'b', '*', '?', '\\*', 'é', '\n'), { maxLength: 6 })
    .map((p) => p.join(''));
  const value = fc
    .array(fc.constantFrom('a', 'b', '*', 'é', '\n'), { maxLength: 10 })
    .map((p) => p.join(''));
  /** The same as a regular expression, which may take its time on texts this short. */
  const source = (pattern: string, star: string): string =>
    pattern.replace(/\\\*|\*|\?/g, (part) => (part === '*' ? star : part === '?' ? '.' : '\\*'));
  test('trim as a regular expression would', () => {
    holds(
      fc.property(glob, value, fc.boolean(), (pattern, text, greedy) => {
        const star = greedy ? '.*' : '.*?';
        const prefix = text.replace(new RegExp(`^(?:${source(pattern, star)})`), '');
        assert.equal(trimPrefix(compileGlob(pattern), text, greedy), prefix);
        const ends = Array.from({ length: text.length + 1 }, (_, at) => at).filter((at) =>
          new RegExp(`^(?:${source(pattern, '.*')})$(?!\\n)`).test(text.slice(at)),
        );
        const cut = greedy ? ends[0] : ends.at(-1);
        assert.equal(
          trimSuffix(compileGlob(pattern), text, greedy),
          text.slice(0, cut ?? text.length),
        );
      }),
    );
  });
  test('replace as a regular expression would', () => {
    holds(
      fc.property(glob, value, fc.boolean(), (pattern, text, every) => {
        const replaced = [...replaceMatches(compileGlob(pattern), text, '-', every)].join('');
        const go = text.replace(new RegExp(source(pattern, '.*'), every ? 'g' : ''), '-');
        // JavaScript lets an empty match follow another match directly, Go does not.
        if (!/^\**$/.test(pattern)) assert.equal(replaced, go);
      }),
    );
  });
});

describe('what is printed is read again', () => {
  const texts = fc.array(
    plainText
      .map((text) => text.replace(/[\\<#]/g, '').trim())
      .filter((text) => /^[a-z]/.test(text)),
    { minLength: 1 },
  );
  test('instructions, however they are broken into lines', () => {
    const gaps = fc.array(
      fc.constantFrom('\\\n', '\\ \t\n# no\n', '\\\n\n', '\\\r\n  # no \\\n', ''),
      { minLength: 1 },
    );
    holds(
      fc.property(texts, gaps, (commands, breaks) => {
        const printed = commands.map(
          (command, i) => `RUN ${breaks[i % breaks.length] ?? ''}${command}`,
        );
        const { instructions, diagnostics } = parseDockerfile(
          `FROM a\n${printed.join('\n\n# c\n')}`,
          'D',
        );
        assert.deepEqual(diagnostics, []);
        assert.deepEqual(
          instructions.slice(1).map(({ text }) => text),
          commands.map((command) => `RUN ${command}`),
        );
      }),
    );
  });
  test('here-documents, whatever is in them', () => {
    const body = fc.array(
      fc.oneof(plainText, fc.constantFrom('RUN x \\', '# c', '<<EOF', ' EOF', '\tx', '')),
    );
    holds(
      fc.property(fc.array(body, { minLength: 1, maxLength: 4 }), (bodies) => {
        const names = bodies.map((_, i) => `E${String(i)}`);
        const text = bodies.map((lines, i) => [...lines, names[i] ?? ''].join('\n')).join('\n');
        const { instructions } = parseDockerfile(
          `FROM a\nRUN cat ${names.map((n) => `<<${n}`).join(' ')}\n${text}\nRUN z`,
          'D',
        );
        const [, run, last] = instructions;
        assert.ok(run?.kind === 'run');
        assert.deepEqual(
          run.heredocs.map(heredocBody),
          bodies.map((lines) => lines.map((each) => `${each}\n`).join('')),
        );
        assert.equal(last?.text, 'RUN z');
      }),
    );
  });
  test('JSON, words and flags', () => {
    holds(
      fc.property(fc.array(plainText, { minLength: 1 }), plainText, (args, value) => {
        const { instructions } = parseDockerfile(`FROM a\nRUN ${JSON.stringify(args)}`, 'D');
        assert.ok(instructions[1]?.kind === 'run');
        assert.deepEqual(instructions[1].form, { json: true, args });
        const words = args.map((arg) => `"${arg.replace(/["\\]/g, '\\$&')}"`);
        assert.deepEqual(quotedWords(words.join('  '), '\\'), words);
        const flag = `--a="${value.replace(/["\\]/g, '\\$&')}"  rest`;
        const { flags, rest } = readFlags(flag, 'X', { known: { a: 'text' }, later: [] }, '\\');
        assert.deepEqual([flags.text('a'), rest], [value, 'rest']);
      }),
    );
  });
});

test('every line is in an instruction or in a problem', () => {
  const lines = fc.array(
    fc.oneof(
      line,
      fc.constantFrom(
        'FROM a',
        'RUN x \\',
        'RUN <<EOF',
        'EOF',
        '# c',
        '',
        'RUN \\\\',
        'ENV a=1 \\ ',
      ),
    ),
  );
  holds(
    fc.property(lines, (all) => {
      const text = ['FROM a', ...all].join('\n').replaceAll('\0', '');
      const { instructions, diagnostics } = parseDockerfile(text, 'D');
      const ranges = [...instructions, ...diagnostics].map(({ range }) => range);
      for (const [i, physical] of text.split('\n').entries()) {
        if (/^\s*(#|$)/.test(physical)) continue;
        const holders = ranges.filter(
          ({ startLine, endLine }) => startLine <= i + 1 && i + 1 <= endLine,
        );
        assert.equal(holders.length, 1, `line ${String(i + 1)}`);
      }
    }),
  );
});

test('here-documents are looked for in any line', () => {
  holds(
    fc.property(line, (text) => {
      for (const { name } of heredocWords(text)) assert.ok(name !== '');
    }),
  );
});
