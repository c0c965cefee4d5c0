/** A `--mount` of a RUN, as far as the outline tells of it. */
export interface MountOutline {
  readonly type: string;
  readonly shown: { readonly name: string; readonly required: boolean };
}

/** The mounts of a RUN's text. Quotes may hold commas, as in CSV. */
export function mountsOf(text: string, expand: (word: string) => string): MountOutline[] {
  const flags = /^RUN\s+((?:--\S+\s+)*)/.exec(text)?.[1] ?? '';
  return flags
    .split(/\s+/)
    .filter((flag) => flag.startsWith('--mount='))
    .map((flag) => readMount(flag.slice('--mount='.length), expand));
}

function readMount(text: string, expand: (word: string) => string): MountOutline {
  const fields = (text.match(/(?:"[^"]*"|[^,])+/g) ?? []).map((field) => field.replaceAll('"', ''));
  const values = new Map(
    fields.map((field) => {
      const cut = field.indexOf('=');
      const [key, value] =
        cut === -1 ? [field, 'true'] : [field.slice(0, cut), field.slice(cut + 1)];
      return [key.toLowerCase(), value] as const;
    }),
  );
  const type = values.get('type') ?? 'bind';
  const target = values.get('target') ?? values.get('dst') ?? values.get('destination') ?? '';
  const name = expand(values.get('id') ?? nameless(type, target));
  return { type, shown: { name, required: values.get('required') === 'true' } };
}

/** The id of a mount that gives none: a secret's file name, the default agent, a cache's target. */
function nameless(type: string, target: string): string {
  if (type === 'ssh') return 'default';
  return type === 'secret' ? (target.split('/').at(-1) ?? '') : target;
}
