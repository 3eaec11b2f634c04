import type { Workload } from '../workload.ts';

const partsOf = new WeakMap<Workload, readonly Workload[]>();

/**
 * A workload whose name stands for several addresses, as an endpoint at each: what fails at one of them says nothing about the
 * others. The same objects for the same workload; undefined when it has addresses of its own, or its name is not resolved.
 */
export function resolvedParts(workload: Workload): readonly Workload[] | undefined {
  if (workload.resolution === undefined || workload.addresses.length === 0) return undefined;
  let parts = partsOf.get(workload);
  if (parts === undefined) {
    parts = workload.addresses.map((ip) => ({
      ...workload,
      uid: resolvedUid(workload.uid, ip),
      addresses: [ip],
      partOf: workload.uid,
    }));
    partsOf.set(workload, parts);
  }
  return parts;
}

/** What a workload is called at one address that its name stands for. */
export function resolvedUid(uid: string, ip: string): string {
  return `${uid}@${ip}`;
}

/** What endpoints of a workload are called that `after` does not have any more. */
export function lostParts(before: Workload, after: Workload | undefined): string[] {
  if (before.resolution === undefined) return [];
  return before.addresses
    .filter((ip) => after?.resolution === undefined || !after.addresses.includes(ip))
    .map((ip) => resolvedUid(before.uid, ip));
}
