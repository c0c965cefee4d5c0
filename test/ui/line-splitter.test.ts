import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LineSplitter } from '../../src/ui/line-splitter.js';

function split(chunks: readonly (string | Uint8Array)[]): string[] {
  const splitter = new LineSplitter();
  const lines = chunks.flatMap((chunk) =>
    splitter.push(typeof chunk === 'string' ? Buffer.from(chunk) : chunk),
  );
  return [...lines, ...splitter.end()];
}

const euro = Buffer.from('€');
const face = Buffer.from('😀');

const VECTORS: readonly (readonly [
  name: string,
  chunks: readonly (string | Uint8Array)[],
  lines: readonly string[],
])[] = [
  ['nothing', [], []],
  ['an empty chunk', [''], []],
  ['whole lines', ['a\nb\n'], ['a', 'b']],
  ['an empty line is a line', ['a\n\nb\n'], ['a', '', 'b']],
  ['only newlines', ['\n\n'], ['', '']],
  ['a last line without newline comes at the end', ['a\nb'], ['a', 'b']],
  ['a line in three chunks', ['a', 'b', 'c\nd\n'], ['abc', 'd']],
  ['a newline of its own chunk', ['a', '\n', 'b', '\n'], ['a', 'b']],
  ['a return is left to whoever shows it', ['a\rb\r\n'], ['a\rb\r']],
  ['a return and its newline apart', ['a\r', '\nb\n'], ['a\r', 'b']],
  [
    'a character of three bytes, cut after one',
    [euro.subarray(0, 1), euro.subarray(1), '\n'],
    ['€'],
  ],
  ['cut after two', ['x', euro.subarray(0, 2), euro.subarray(2), 'y\n'], ['x€y']],
  ['a character of four bytes, byte by byte', [...face].map((byte) => Buffer.of(byte)), ['😀']],
  [
    'a cut character beside a newline',
    ['a\n', euro.subarray(0, 2), euro.subarray(2), '\n'],
    ['a', '€'],
  ],
  ['bytes that are no UTF-8', [Buffer.of(0x61, 0xff, 0x62, 0x0a)], ['a\ufffdb']],
  ['half a character at the end is not lost', ['a', euro.subarray(0, 2)], ['a\ufffd']],
  ['a byte order mark stays', ['\ufeffa\n'], ['\ufeffa']],
  ['NUL and escapes stay', ['a\0\x1b[31mb\n'], ['a\0\x1b[31mb']],
];

for (const [name, chunks, lines] of VECTORS) {
  test(name, () => {
    assert.deepEqual(split(chunks), lines);
  });
}

test('lines come as soon as they are whole', () => {
  const splitter = new LineSplitter();
  assert.deepEqual(splitter.push(Buffer.from('a\nb')), ['a']);
  assert.deepEqual(splitter.push(Buffer.from('c\n')), ['bc']);
  assert.deepEqual(splitter.end(), []);
});

test('an ended splitter starts anew', () => {
  const splitter = new LineSplitter();
  splitter.push(Buffer.from('a'));
  assert.deepEqual(splitter.end(), ['a']);
  assert.deepEqual(splitter.push(Buffer.from('b\n')), ['b']);
  assert.deepEqual(splitter.end(), []);
});

test('a line of 32 MiB in a thousand chunks comes whole', () => {
  const splitter = new LineSplitter();
  const chunk = Buffer.alloc(32 << 10, 'x');
  for (let i = 0; i < 1024; i++) assert.deepEqual(splitter.push(chunk), []);
  const [line = '', ...more] = splitter.push(Buffer.from('\n'));
  assert.equal(line.length, 32 << 20);
  assert.deepEqual(more, []);
});

test('the lines are the same however the bytes are cut', () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'é', '€', '😀', '\n', '\r', '\x1b') });
  fc.assert(
    fc.property(text, fc.array(fc.integer({ min: 1, max: 5 })), (whole, sizes) => {
      const bytes = Buffer.from(whole);
      const chunks: Buffer[] = [];
      let from = 0;
      for (const size of sizes) {
        chunks.push(bytes.subarray(from, from + size));
        from += size;
      }
      chunks.push(bytes.subarray(from));
      assert.deepEqual(split(chunks), split([bytes]));
    }),
  );
});
