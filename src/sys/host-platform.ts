import type { Platform } from '../model/oci.js';

/** Node's names of architectures in OCI's words (GOARCH). */
const ARCHITECTURES: Readonly<Record<string, Omit<Platform, 'os'>>> = {
  x64: { architecture: 'amd64' },
  ia32: { architecture: '386' },
  arm: { architecture: 'arm', variant: 'v7' },
  ppc64: { architecture: 'ppc64le' },
  mipsel: { architecture: 'mipsle' },
};

/** What this machine runs without help. */
export function hostPlatform(): Platform {
  return { os: 'linux', ...(ARCHITECTURES[process.arch] ?? { architecture: process.arch }) };
}
