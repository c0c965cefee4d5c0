import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseCacheFrom, parseCacheTo } from '../../src/cli/cache-flags.js';
import { BuildError } from '../../src/model/error.js';

const from: readonly [string, unknown][] = [
  ['', []],
  ['app', [{ type: 'registry', ref: 'app' }]],
  [
    'a,b:1',
    [
      { type: 'registry', ref: 'a' },
      { type: 'registry', ref: 'b:1' },
    ],
  ],
  ['type=registry,ref=a', [{ type: 'registry', ref: 'a' }]],
  ['type=registry,ref=a,required', [{ type: 'registry', ref: 'a', required: true }]],
  ['type=registry,ref=a,ignore-error=false', [{ type: 'registry', ref: 'a', required: true }]],
  ['type=registry,ref=a,ignore-error=true', [{ type: 'registry', ref: 'a', required: false }]],
  ['type=registry,ref=a,timeout=1m30s', [{ type: 'registry', ref: 'a', timeoutMs: 90_000 }]],
  ['type=registry,ref=a,registry.insecure=true', [{ type: 'registry', ref: 'a', insecure: true }]],
  ['type=local,src=d', [{ type: 'local', src: 'd' }]],
  ['"type=local","src=a,b",tag=t', [{ type: 'local', src: 'a,b', tag: 't' }]],
  ['type=local,src=d,digest=x', [{ type: 'local', src: 'd', digest: 'x' }]],
];
for (const [text, expected] of from)
  test(`--cache-from ${text}`, () => {
    assert.deepEqual(parseCacheFrom(text), expected);
  });

const to: readonly [string, unknown][] = [
  ['', []],
  ['app', [{ type: 'registry', ref: 'app' }]],
  ['type=inline', [{ type: 'inline' }]],
  ['type=inline,mode=min', [{ type: 'inline' }]],
  ['type=registry,ref=a,mode=max', [{ type: 'registry', ref: 'a', mode: 'max' }]],
  [
    'type=registry,ref=a,compression=zstd,compression-level=3,force-compression=true',
    [
      {
        type: 'registry',
        ref: 'a',
        compression: 'zstd',
        compressionLevel: 3,
        forceCompression: true,
      },
    ],
  ],
  [
    'type=local,dest=d,image-manifest=false,oci-mediatypes=true',
    [{ type: 'local', dest: 'd', imageManifest: false, ociMediaTypes: true }],
  ],
  [
    'type=local,dest=d,tag=t,required,timeout=5s',
    [{ type: 'local', dest: 'd', tag: 't', required: true, timeoutMs: 5000 }],
  ],
];
for (const [text, expected] of to)
  test(`--cache-to ${text}`, () => {
    assert.deepEqual(parseCacheTo(text), expected);
  });

const refused: readonly [typeof parseCacheFrom | typeof parseCacheTo, string, RegExp, RegExp][] = [
  [parseCacheFrom, 'ref=a', /type required form/, /type=registry/],
  [parseCacheFrom, 'type=registry', /needs ref=/, /such as .* type=registry,ref=\S+:cache/],
  [parseCacheFrom, 'type=local,dest=a', /has no option dest/, /did you mean src\?/],
  [parseCacheTo, 'type=local,src=a', /has no option src/, /did you mean dest\?/],
  [
    parseCacheFrom,
    'type=registri,ref=a',
    /invalid --cache-from type "registri"/,
    /did you mean registry/,
  ],
  [parseCacheFrom, 'type=registry,reff=a', /has no option reff/, /did you mean ref\?/],
  [parseCacheFrom, 'type=registry,ref=a,mode=max', /has no option mode/, /it has ref/],
  [parseCacheFrom, 'type=inline', /type=inline is not supported/, /type=registry,ref=IMAGE/],
  [parseCacheFrom, 'type=azblob,name=x', /type=azblob is not supported/, /use registry/],
  [parseCacheFrom, 'type=local', /needs src=/, /type=local,src=DIR$/],
  [parseCacheFrom, 'type=registry,ref=a,timeout=soon', /invalid timeout/, /30s/],
  [parseCacheFrom, 'type=registry,ref=a,timeout=0', /invalid timeout/, /30s/],
  [
    parseCacheFrom,
    'type=registry,ref=a,required,ignore-error=true',
    /exclude each other/,
    /warning/,
  ],
  [parseCacheTo, 'type=local,dest=', /needs dest=/, /type=local,dest=DIR$/],
  [parseCacheTo, 'inline', /did you mean type=inline/, /name=value/],
  [parseCacheTo, 'type=inline,mode=max', /has no mode=max/, /type=registry,mode=max/],
  [parseCacheTo, 'type=registry,ref=a,mode=maximum', /invalid mode/, /min, max/],
  [parseCacheTo, 'type=registry,ref=a,compression=gz', /invalid compression/, /./],
  [parseCacheTo, 'type=registry,ref=a,compression-level=10', /invalid compression-level/, /./],
  [parseCacheTo, 'type=registry,ref=a,oci-mediatypes=no', /invalid oci-mediatypes/, /true, false/],
  [
    parseCacheTo,
    'type=registry,ref=a,oci-mediatypes=false,image-manifest=true',
    /excludes/,
    /leave one/,
  ],
];
for (const [parse, text, message, hint] of refused)
  test(`refused: ${text}`, () => {
    assert.throws(
      () => parse(text),
      (error) => {
        assert.ok(error instanceof BuildError);
        assert.match(error.message, message);
        assert.match(error.hint ?? '', hint);
        return true;
      },
    );
  });
