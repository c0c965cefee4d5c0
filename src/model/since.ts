/**
 * How long ago a time of a file or a record is, in milliseconds. One that lies ahead is from before the clock was set back:
 * it counts as as long ago as it is ahead. So nothing is the newest for ever, and what has just been made is not old.
 */
export function since(time: number, now: number): number {
  return Math.abs(now - time);
}
