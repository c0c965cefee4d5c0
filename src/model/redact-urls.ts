/** Long enough for any scheme; what is before it is not looked at, so that a long text takes no longer than it is. */
const MAX_SCHEME = 64;

/**
 * Text with the credentials in its URLs masked, as BuildKit masks them: `https://xxxxx:xxxxx@host`. A lone user of any
 * scheme but http(s) stays: `ssh://git@host` tells nothing.
 */
export function redactUrls(text: string): string {
  if (!text.includes('@')) return text;
  return text.replace(/:\/\/([^\s/?#"'<>]*)@/g, (whole, user: string, at: number) => {
    const before = text.slice(Math.max(0, at - MAX_SCHEME), at);
    const scheme = /[a-z][a-z0-9+.-]*$/i.exec(before)?.[0];
    if (scheme === undefined) return whole;
    if (user.includes(':')) return '://xxxxx:xxxxx@';
    return /^https?$/i.test(scheme) ? '://xxxxx@' : whole;
  });
}
