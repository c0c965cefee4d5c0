/** Major and minor of a device as node gives it: makedev(3) of glibc taken apart. */
export function deviceNumbers(rdev: number | bigint): { major: number; minor: number } {
  const wide = BigInt(rdev);
  return {
    major: Number(((wide >> 8n) & 0xfffn) | ((wide >> 32n) & 0xfffff000n)),
    minor: Number((wide & 0xffn) | ((wide >> 12n) & 0xffffff00n)),
  };
}
