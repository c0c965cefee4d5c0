import { libc } from './libc.js';

const O_CLOEXEC = 0o2000000;

export interface Pipe {
  readonly readEnd: number;
  readonly writeEnd: number;
}

/** Descriptors of a pipe(7) for a child: Node's own "pipes" are sockets, which cannot be opened as /dev/stdout. */
export function createPipe(): Pipe {
  const ends = new Int32Array(2);
  const c = libc();
  if (c.declare('int pipe2(int *, int)')(ends, O_CLOEXEC) !== 0) c.fail('pipe2');
  const [readEnd = -1, writeEnd = -1] = ends;
  return { readEnd, writeEnd };
}
