import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Problem } from '../../src/parser/problem.js';
import { readDevice } from '../../src/parser/run-device.js';
import { checkMount, readMount } from '../../src/parser/run-mount.js';

const BIND = { type: 'bind', readonly: true, required: false };

/** FEATURES M0 to M7. */
const READ: readonly (readonly [text: string, options: object])[] = [
  ['target=/a', { ...BIND, target: '/a' }],
  ['dst=/a,src=b', { ...BIND, target: '/a', source: 'b' }],
  ['TARGET=/A', { ...BIND, target: '/A' }],
  ['destination=/a,rw', { ...BIND, target: '/a', readonly: false }],
  ['target=/a,readwrite=true', { ...BIND, target: '/a', readonly: false }],
  ['target=/a,rw=0', { ...BIND, target: '/a' }],
  ['target=/a,rw,ro', { ...BIND, target: '/a' }],
  ['target=/a,readonly=F', { ...BIND, target: '/a', readonly: false }],
  ['"target=/a,b"', { ...BIND, target: '/a,b' }],
  ['"target=/a ""b"""', { ...BIND, target: '/a "b"' }],
  ['from=x,target=/a,target=/b', { ...BIND, from: 'x', target: '/b' }],
  ['type=cache,target=/a', { type: 'cache', target: '/a', readonly: false, required: false }],
  ['target=/a,type=CACHE,ro', { type: 'cache', target: '/a', readonly: true, required: false }],
  [
    'type=cache,target=/a,id=i,sharing=LOCKED,mode=0751,uid=1,gid=4294967295',
    {
      type: 'cache',
      target: '/a',
      id: 'i',
      sharing: 'locked',
      mode: 0o751,
      uid: 1,
      gid: 4294967295,
      readonly: false,
      required: false,
    },
  ],
  ['type=tmpfs,size=10m', { type: 'tmpfs', size: 10 << 20, readonly: false, required: false }],
  ['type=tmpfs,size=1.5KiB', { type: 'tmpfs', size: 1536, readonly: false, required: false }],
  ['type=secret,id=a,required', { type: 'secret', id: 'a', readonly: true, required: true }],
  [
    'type=secret,src=a,env=B',
    { type: 'secret', source: 'a', env: 'B', readonly: true, required: false },
  ],
  ['type=ssh', { type: 'ssh', readonly: true, required: false }],
  [
    'type=ssh,required=false,mode=600',
    { type: 'ssh', mode: 0o600, readonly: true, required: false },
  ],
];

const REFUSED: readonly (readonly [text: string, message: string, hint?: string])[] = [
  ['', 'failed to parse csv "": there is nothing in it'],
  ['target=/a"b', 'failed to parse csv "target=/a\\"b": bare " in non-quoted field target=/a"b'],
  [
    '"target=/a',
    'failed to parse csv "\\"target=/a": extraneous or missing " in quoted field "target=/a',
  ],
  ['tagret=/a', "unexpected key 'tagret' in 'tagret=/a'", 'did you mean target?'],
  ['typ=tmpfs', "unexpected key 'typ' in 'typ=tmpfs'", 'did you mean type?'],
  ['type=tmp', 'unsupported mount type "tmp"', 'did you mean tmpfs?'],
  ['type=secrt', 'unsupported mount type "secrt"', 'did you mean secret?'],
  ['target', "invalid field 'target' must be a key=value pair"],
  [
    'requird,type=ssh',
    "invalid field 'requird' must be a key=value pair",
    'did you mean required?',
  ],
  [
    'bind-propagation=suid,target=/a',
    "unexpected key 'bind-propagation' in 'bind-propagation=suid'",
  ],
  ['target=/a,ro=maybe', 'invalid value for ro: maybe'],
  ['target=/a,rw=yes', 'invalid value for rw: yes'],
  ['required,type=secret', "unexpected key 'required' for mount type 'bind'"],
  ['type=cache,required', "unexpected key 'required' for mount type 'cache'"],
  ['size=1m,type=tmpfs', "unexpected key 'size' for mount type 'bind'"],
  ['type=cache,size=1m', "unexpected key 'size' for mount type 'cache'"],
  ['type=tmpfs,size=big', 'invalid value for size: big'],
  ['type=tmpfs,size=-1', 'invalid value for size: -1'],
  ['type=cache,sharing=lock', 'unsupported sharing value "lock"', 'did you mean locked?'],
  ['sharing=shared,target=/a', 'invalid cache sharing set for bind mount'],
  ['type=ssh,sharing=shared', 'invalid cache sharing set for ssh mount'],
  ['type=cache,mode=999', 'invalid value 999 for mode'],
  ['type=cache,uid=root', 'invalid value root for uid'],
  ['type=cache,gid=4294967296', 'invalid value 4294967296 for gid'],
  ['mode=755,target=/a', 'mode not allowed for "bind" type mounts'],
  ['type=tmpfs,uid=1', 'uid not allowed for "tmpfs" type mounts'],
  ['gid=1', 'gid not allowed for "bind" type mounts'],
  ['type=secret', 'invalid secret mount. one of source, target required'],
  ['type=secret,id=a,from=b', 'secret mount should not have a from'],
  ['type=secret,id=a,sharing=shared', 'secret mount should not define sharing'],
  ['type=secret,id=a,src=b', "both source and id can't be set"],
  ['type=ssh,src=a', 'ssh does not support source'],
];

describe('RUN --mount', () => {
  for (const [text, options] of READ) {
    test(text, () => {
      assert.deepEqual(
        readMount(text, (word) => word),
        options,
      );
    });
  }
  for (const [text, message, hint] of REFUSED) {
    test(`refused: ${text}`, () => {
      const problem = thrownBy(() => readMount(text, (word) => word));
      assert.equal(problem.message, message);
      if (hint !== undefined) assert.equal(problem.hint, hint);
    });
  }

  test('every value is expanded, keys and `from` are not (testMountFromError)', () => {
    const expand = (word: string): string => word.replaceAll('$X', 'cache');
    assert.deepEqual(readMount('type=$X,target=/$X,id=$X', expand), {
      type: 'cache',
      target: '/cache',
      id: 'cache',
      readonly: false,
      required: false,
    });
    assert.deepEqual(checkMount('type=$X,from=a$'), { from: 'a$' });
    const problem = thrownBy(() => checkMount('from=$X'));
    assert.equal(
      problem.message,
      "'from' doesn't support variable expansion, define alias stage instead",
    );
  });
});

const DEVICES: readonly (readonly [text: string, device: object | string])[] = [
  ['vendor1.com/device=foo', { name: 'vendor1.com/device=foo', required: false }],
  ['vendor1.com/device=foo,required', { name: 'vendor1.com/device=foo', required: true }],
  ['vendor1.com/device=*', { name: 'vendor1.com/device=*', required: false }],
  ['class1', { name: 'class1', required: false }],
  [
    'name=vendor1.com/device=foo,required=false',
    { name: 'vendor1.com/device=foo', required: false },
  ],
  ['foo,bar', "invalid field 'bar' must be a key=value pair"],
  ['foo,require=true', "unexpected key 'require' in 'require=true'"],
  ['foo,required=maybe', 'invalid value for required: maybe'],
  ['name=a,name=b', 'device name already set to a'],
  ['required', '--device needs a name'],
];

describe('RUN --device (TestParseDevice)', () => {
  for (const [text, expected] of DEVICES) {
    test(text, () => {
      if (typeof expected === 'string')
        assert.equal(thrownBy(() => readDevice(text)).message, expected);
      else assert.deepEqual(readDevice(text), expected);
    });
  }
});

function thrownBy(work: () => unknown): Problem {
  try {
    work();
  } catch (error) {
    assert.ok(error instanceof Problem, String(error));
    return error;
  }
  return assert.fail('nothing was thrown');
}
