import { existsSync, readdirSync } from 'node:fs';

const MASKED = [
  '/proc/acpi',
  '/proc/asound',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
]
  .concat(['/proc/sched_debug', '/proc/scsi', '/proc/timer_list', '/proc/timer_stats'])
  .concat(['/sys/devices/virtual/powercap', '/sys/firmware']);

/** What no container may read of /proc and /sys: Docker's list. */
export function maskedPaths(): string[] {
  return [...MASKED, ...thermalThrottles()];
}

/** Of each processor that has it: temperatures tell what other tenants do (GHSA-6fw5-f8r9-fgfm). */
function thermalThrottles(): string[] {
  const processors = '/sys/devices/system/cpu';
  if (!existsSync(processors)) return [];
  return readdirSync(processors)
    .filter((name) => /^cpu\d+$/.test(name))
    .map((name) => `${processors}/${name}/thermal_throttle`)
    .filter((path) => existsSync(path));
}
