/** libuv has no name for a quota that is used up; its number is the same on every Linux that Node runs on. */
const UNNAMED: Readonly<Record<string, string>> = { '-122': 'EDQUOT' };

/** True for an error of the system with one of these codes (`ENOENT`). */
export function hasCode(error: unknown, ...codes: string[]): boolean {
  if (!(error instanceof Error) || !('code' in error)) return false;
  const unnamed = 'errno' in error ? UNNAMED[String(error.errno)] : undefined;
  return codes.includes(unnamed ?? String(error.code));
}
