import { messageOf } from '@ambit/core/errors';
import { AuthorizationSchema } from '@ambit/proto/authorization';
import { AddressSchema } from '@ambit/proto/workload';
import { fromBinary } from '@bufbuild/protobuf';
import type { Policy } from '../policy/policy.ts';
import type { Service } from '../service.ts';
import type { Workload } from '../workload.ts';
import { type BatchEntry, type ResourceBatch, writeBatch } from './batch.ts';
import { policyKeys, serviceKeys } from './keys.ts';
import { readPolicy, unreadablePolicy } from './read-policy.ts';
import { readService } from './read-service.ts';
import { readWorkload } from './read-workload.ts';
import { formatPolicy, formatService } from './record.ts';
import { formatWorkload } from './workload-record.ts';

/** `address`: a workload or a service (istio.workload.Address); `authorization`: istio.security.Authorization. */
export type ResourceType = 'address' | 'authorization';

/** A resource as the controller sent it. */
export interface RawResource {
  readonly type: ResourceType;
  readonly name: string;
  readonly version?: string;
  readonly bytes: Uint8Array;
}

export interface ResourceUpdate {
  readonly generation: number;
  /** True when `resources` is the whole state. Default false. */
  readonly reset?: boolean;
  readonly resources: readonly RawResource[];
  readonly removals: readonly { readonly type: ResourceType; readonly name: string }[];
  /** What is known of a workload beside what the controller has sent. Default: nothing. */
  readonly adapt?: (workload: Workload) => Workload;
}

/** A resource that is not taken, for the NACK: `reason` names the field. */
export interface Rejection {
  readonly type: ResourceType;
  readonly name: string;
  readonly reason: string;
}

/**
 * Checks resources and writes those that hold into one batch for the data threads.
 * Of a rejected resource the threads keep the last good version. Where there is none, a stand-in closes the gap:
 * a policy that is stricter than meant; a service with a waypoint, or a workload whose addresses are known, that refuses
 * all connections.
 * Policies come before what names them, and leave after it.
 */
export function encodeBatch(update: ResourceUpdate): { batch: ResourceBatch; rejected: Rejection[] } {
  const rejected: Rejection[] = [];
  const policies: BatchEntry[] = [];
  const services: BatchEntry[] = [];
  const workloads: BatchEntry[] = [];
  for (const resource of update.resources) {
    const problems: string[] = [];
    const entry = readResource(resource, problems, update.adapt);
    if (problems.length > 0) {
      rejected.push({ type: resource.type, name: resource.name, reason: problems.join('; ') });
    }
    if (entry === undefined) continue;
    if (entry.kind === 'authorization') policies.push(entry);
    else if (entry.kind === 'service') services.push(entry);
    else workloads.push(entry);
  }
  const removals = update.removals.map(({ type, name }): BatchEntry => {
    return { kind: `remove-${type}`, fallback: false, version: '', keys: name, record: '' };
  });
  const entries = [
    ...policies,
    ...services,
    ...workloads,
    ...removals.filter(({ kind }) => kind === 'remove-address'),
    ...removals.filter(({ kind }) => kind === 'remove-authorization'),
  ];
  return { batch: writeBatch(update.generation, update.reset ?? false, entries), rejected };
}

/** One workload of the model as an entry, for sources other than the controller (tests, simulations). */
export function workloadEntry(workload: Workload, version = ''): BatchEntry {
  return { kind: 'workload', fallback: workload.invalid !== undefined, version, ...formatWorkload(workload) };
}

export function serviceEntry(service: Service, version = ''): BatchEntry {
  const keys = JSON.stringify(serviceKeys(service));
  return { kind: 'service', fallback: service.invalid !== undefined, version, keys, record: formatService(service) };
}

export function policyEntry(policy: Policy, version = ''): BatchEntry {
  const keys = JSON.stringify(policyKeys(policy));
  const fallback = policy.invalid !== undefined;
  return { kind: 'authorization', fallback, version, keys, record: formatPolicy(policy) };
}

function readResource(
  resource: RawResource,
  problems: string[],
  adapt: ResourceUpdate['adapt'],
): BatchEntry | undefined {
  try {
    return resource.type === 'address' ? readAddress(resource, problems, adapt) : readAuthorization(resource, problems);
  } catch (error) {
    problems.push(`cannot be decoded: ${messageOf(error)}`);
    if (resource.type === 'address') return undefined;
    return policyEntry(unreadablePolicy(resource.name, problems.join('; ')));
  }
}

function readAddress(
  resource: RawResource,
  problems: string[],
  adapt: ResourceUpdate['adapt'],
): BatchEntry | undefined {
  const { type } = fromBinary(AddressSchema, resource.bytes);
  switch (type.case) {
    case 'workload': {
      const workload = readWorkload(type.value, problems);
      checkName(resource, workload.uid, problems);
      if (problems.length === 0) return workloadEntry(adapt?.(workload) ?? workload, resource.version);
      if (workload.addresses.length === 0) return undefined;
      // At its address only: as an endpoint of a service it would take connections from those that can serve.
      return workloadEntry({ ...workload, uid: resource.name, services: new Map(), invalid: problems.join('; ') });
    }
    case 'service': {
      const service = readService(type.value, problems);
      checkName(resource, service.key, problems);
      if (problems.length === 0) return serviceEntry(service, resource.version);
      const judged = type.value.waypoint !== undefined || type.value.weightedWaypoints.length > 0;
      const key = resource.name.toLowerCase();
      return judged ? serviceEntry({ ...service, key, invalid: problems.join('; ') }) : undefined;
    }
    case undefined:
      problems.push('is neither a workload nor a service');
      return undefined;
  }
}

function readAuthorization(resource: RawResource, problems: string[]): BatchEntry {
  const policy = readPolicy(fromBinary(AuthorizationSchema, resource.bytes), problems);
  checkName(resource, policy.key, problems);
  if (problems.length === 0) return policyEntry(policy, resource.version);
  return policyEntry({ ...policy, key: resource.name, invalid: problems.join('; ') });
}

/** A resource is removed by its name, so one that is called otherwise could never be removed. */
function checkName(resource: RawResource, own: string, problems: string[]): void {
  if (resource.name.toLowerCase() === own.toLowerCase()) return;
  problems.push(`the resource is named ${JSON.stringify(resource.name)}, but describes ${JSON.stringify(own)}`);
}
