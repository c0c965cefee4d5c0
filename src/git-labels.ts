import { isAbsolute, relative } from 'node:path';
import type { CheckoutFacts } from './checkout-facts.js';

/** buildx' labels of a checkout. `dockerfile` is its path, or what it came from. */
export function gitLabels(
  checkout: CheckoutFacts | undefined,
  dockerfile: string,
): Readonly<Record<string, string>> {
  if (checkout?.inLabels !== true) return {};
  const { root, source, revision } = checkout;
  const path = isAbsolute(dockerfile) ? relative(root, dockerfile) : '..';
  return {
    ...(revision === undefined ? {} : { 'org.opencontainers.image.revision': revision }),
    ...(source === undefined ? {} : { 'org.opencontainers.image.source': source }),
    ...(path.startsWith('..') ? {} : { 'com.docker.image.source.entrypoint': path }),
  };
}
