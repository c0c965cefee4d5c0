let [offset, holders] = [0, 0];

/**
 * Milliseconds since the epoch, for what a build says of itself: the wall clock as it was when the first of the builds that
 * go on in this process began, carried on by a clock that nobody sets. So nothing takes less than no time, and nothing
 * years, when the wall clock is set meanwhile.
 */
export function steadyTime(): number {
  return Math.floor((holders === 0 ? wallOffset() : offset) + performance.now());
}

/** While one is held, `steadyTime` does not look at the wall clock. */
export function holdTime(): Disposable {
  if (holders++ === 0) offset = wallOffset();
  return {
    [Symbol.dispose]: () => {
      holders--;
    },
  };
}

function wallOffset(): number {
  return Date.now() - performance.now();
}
