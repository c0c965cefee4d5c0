import { type Digest, digestFromHex } from '../../src/model/digest.js';
import type { BuildEvent, Why } from '../../src/model/events.js';

/** Short spellings of events, one step a letter; times are seconds. */
export const vertexOf = (letter: string): Digest => digestFromHex(letter.repeat(64));
const timeOf = (seconds: number): number => Math.round(seconds * 1000);

export const at = {
  queued: (letter: string, name: string, inputs: readonly string[] = []): BuildEvent => ({
    type: 'vertex-queued',
    vertex: vertexOf(letter),
    name,
    inputs: inputs.map(vertexOf),
  }),
  started: (letter: string, seconds: number, why?: Why): BuildEvent => ({
    type: 'vertex-started',
    vertex: vertexOf(letter),
    time: timeOf(seconds),
    ...(why === undefined ? {} : { why }),
  }),
  cached: (
    letter: string,
    seconds: number,
    by: 'definition' | 'content' = 'definition',
  ): BuildEvent => ({
    type: 'vertex-cached',
    vertex: vertexOf(letter),
    time: timeOf(seconds),
    by,
  }),
  done: (letter: string, seconds: number): BuildEvent => ({
    type: 'vertex-completed',
    vertex: vertexOf(letter),
    time: timeOf(seconds),
  }),
  failed: (letter: string, seconds: number, error: string): BuildEvent => ({
    type: 'vertex-failed',
    vertex: vertexOf(letter),
    time: timeOf(seconds),
    error,
  }),
  cancelled: (letter: string, seconds: number): BuildEvent => ({
    type: 'vertex-cancelled',
    vertex: vertexOf(letter),
    time: timeOf(seconds),
  }),
  log: (letter: string, seconds: number, data: string | Uint8Array): BuildEvent => ({
    type: 'log',
    vertex: vertexOf(letter),
    stream: 'stdout',
    data: typeof data === 'string' ? Buffer.from(data) : data,
    time: timeOf(seconds),
  }),
  status: (letter: string, seconds: number, name: string, completed?: number): BuildEvent => ({
    type: 'status',
    vertex: vertexOf(letter),
    id: name,
    name,
    time: timeOf(seconds),
    ...(completed === undefined ? {} : { completed: timeOf(completed) }),
  }),
  warning: (message: string): BuildEvent => ({ type: 'warning', message }),
};
