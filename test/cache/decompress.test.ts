import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { decompress } from '../../src/cache/decompress.js';
import { BuildError } from '../../src/model/error.js';
import { collect, pieces } from '../helpers/test-store.js';

const unpack = (bytes: Uint8Array, size = 70_001): Promise<Buffer> =>
  collect(decompress(pieces(Buffer.from(bytes), size)));

function pack(program: string, input: Uint8Array, ...args: string[]): Buffer {
  const { status, stdout, stderr } = spawnSync(program, ['-c', ...args], {
    input,
    maxBuffer: 1 << 28,
  });
  assert.equal(status, 0, stderr.toString());
  return stdout;
}

const refused = (bytes: Uint8Array): Promise<void> =>
  assert.rejects(unpack(bytes), (error) => {
    assert.ok(error instanceof BuildError, String(error));
    assert.ok(['archive', 'unsupported'].includes(error.code), error.message);
    return true;
  });

const TEXT = Buffer.concat([Buffer.from('some text '.repeat(30_000)), randomBytes(200_000)]);

describe('B16 compressed bytes', () => {
  for (const program of ['gzip', 'bzip2', 'xz', 'zstd']) {
    test(`${program}: however they are cut, and several after another`, async () => {
      const packed = pack(program, TEXT);
      for (const size of [1000, 1 << 20]) assert.ok((await unpack(packed, size)).equals(TEXT));
      const twice = await unpack(Buffer.concat([packed, packed]));
      assert.ok(twice.equals(Buffer.concat([TEXT, TEXT])));
    });
    test(`${program}: cut short anywhere, and a byte that is another, are refused`, async () => {
      const packed = pack(program, Buffer.from('a small file\n'.repeat(20)));
      assert.ok((await unpack(packed, 1)).toString().startsWith('a small file'));
      const magic = program === 'xz' ? 6 : 4;
      for (let length = magic; length < packed.length; length++)
        await refused(packed.subarray(0, length));
      // The last bytes are the checksum's, but for what only names a length (xz) or fills up a byte (bzip2).
      const at =
        program === 'gzip' ? packed.length - 6 : packed.length - (program === 'zstd' ? 1 : 5);
      const changed = Buffer.from(packed);
      changed.writeUInt8((changed[at] ?? 0) ^ 0x10, at);
      await refused(changed);
    });
  }

  test('zstd frames: none with content, without a checksum, skippable ones between', async () => {
    const skippable = Buffer.from('502a4d18030000006162630a'.slice(0, 22), 'hex');
    const bare = pack('zstd', Buffer.from('bare'), '--no-check');
    const empty = pack('zstd', Buffer.alloc(0));
    const text = TEXT.subarray(0, 5000);
    const all = Buffer.concat([skippable, empty, bare, skippable, pack('zstd', text), empty]);
    for (const size of [1, 7, 1 << 20])
      assert.ok((await unpack(all, size)).equals(Buffer.concat([Buffer.from('bare'), text])));
    await refused(Buffer.concat([bare, Buffer.from('garbage')]));
  });

  test('what claims memory it has no need of is refused before it gets it', async () => {
    await refused(pack('zstd', Buffer.alloc(300 << 20), '--long=31', '--ultra'));
    await refused(pack('xz', Buffer.from('x'), '--lzma2=dict=1536MiB'));
  });

  test('bombs: more than a thousand times their size', async () => {
    // bzip2 has the same budget, but takes half a minute to get there.
    const zeros = Buffer.alloc(110 << 20);
    await refused(gzipSync(zeros));
    await refused(pack('xz', zeros, '-0'));
    await refused(pack('zstd', zeros, '-1'));
  });

  test('empty gzip members without end take no longer than they are many', async () => {
    const empty = gzipSync('');
    assert.equal((await unpack(Buffer.concat(Array<Buffer>(20_000).fill(empty)))).length, 0);
  });
});
