import type { Platform } from './model/oci.js';
import { hostPlatform as machinePlatform } from './sys/host-platform.js';

/** What this machine runs. */
export function hostPlatform(): Platform {
  return machinePlatform();
}
