/**
 * Text with the credentials in its URLs masked, as BuildKit masks them: `https://xxxxx:xxxxx@host`. A lone user of any
 * scheme but http(s) stays: `ssh://git@host` tells nothing.
 */
export function redactUrls(text: string): string {
  if (!text.includes('@')) return text;
  return text.replace(
    /\b([a-z][a-z0-9+.-]*):\/\/([^\s/?#"'<>]*)@/gi,
    (whole, scheme: string, user: string) => {
      if (user.includes(':')) return `${scheme}://xxxxx:xxxxx@`;
      return /^https?$/i.test(scheme) ? `${scheme}://xxxxx@` : whole;
    },
  );
}
