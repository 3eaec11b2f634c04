import type { MessageInitShape } from '@bufbuild/protobuf';
import { type ClusterSchema, type ConsistentHashSchema, LoadBalancer, type WarmupSchema } from '@ambit/proto/waypoint';
import { MAX_HASH_RING, MAX_MAGLEV_TABLE } from '@ambit/traffic/limits';
import { isPrime } from '@ambit/traffic/load-balancing/consistent-hash/prime';
import { istioDurationMs } from '../../schema/durations.ts';
import type { BalancingPolicy, ConsistentHashPolicy } from '../../traffic-objects.ts';
import { notHonoured } from './not-honoured.ts';

/** How requests are spread over the endpoints of a cluster: fields of it. */
export type Balancing = Pick<MessageInitShape<typeof ClusterSchema>, 'consistentHash' | 'loadBalancer' | 'warmup'>;

type HashInit = MessageInitShape<typeof ConsistentHashSchema>;

// What Istio has where a rule says nothing.
const RING_SIZE = 1_024;
const MAGLEV_SIZE = 65_537;
const WARMUP_PERCENT = 10;
const WARMUP_AGGRESSION = 1;

export function balancingOf(policy: BalancingPolicy | undefined): Balancing {
  const consistentHash = policy?.consistentHash === undefined ? undefined : hashOf(policy.consistentHash);
  const warmup = warmsUp(policy) ? warmupOf(policy) : undefined;
  return {
    loadBalancer: loadBalancerOf(policy?.simple),
    ...(consistentHash === undefined ? {} : { consistentHash }),
    ...(warmup === undefined ? {} : { warmup }),
  };
}

/** Paths of what is set and not honoured. */
export function balancingNotHonoured(policy: BalancingPolicy | undefined, path: string): string[] {
  const hash = policy?.consistentHash;
  const warmups = (['warmup', 'warmupDurationSecs'] as const).filter((name) => policy?.[name] !== undefined);
  return [
    ...notHonoured(policy, ['simple', 'consistentHash', 'localityLbSetting', 'warmup', 'warmupDurationSecs'], path),
    ...(hash === undefined ? [] : hashNotHonoured(hash).map((problem) => `${path}.consistentHash${problem}`)),
    // As in Istio, where these two know it.
    ...(warmsUp(policy) ? [] : warmups.map((name) => `${path}.${name} without LEAST_REQUEST or ROUND_ROBIN`)),
  ];
}

/** PASSTHROUGH is where there is nothing to balance (`DestinationFields.passthrough`). */
function loadBalancerOf(simple: string | undefined): LoadBalancer {
  if (simple === 'ROUND_ROBIN') return LoadBalancer.ROUND_ROBIN;
  return simple === 'RANDOM' ? LoadBalancer.RANDOM : LoadBalancer.LEAST_REQUEST;
}

/** Undefined: nothing is said that could be a key. */
function hashOf(policy: ConsistentHashPolicy): HashInit | undefined {
  const key = keyOf(policy);
  return key === undefined ? undefined : { key, table: tableOf(policy) };
}

function keyOf(policy: ConsistentHashPolicy): NonNullable<HashInit['key']> | undefined {
  const { httpHeaderName, httpCookie, useSourceIp, httpQueryParameterName } = policy;
  if (httpHeaderName !== undefined && httpHeaderName !== '') {
    return { case: 'header', value: httpHeaderName.toLowerCase() };
  }
  if (httpCookie !== undefined) {
    const { name, path = '', ttl, attributes = [] } = httpCookie;
    const cookie = {
      ...{ name, path },
      attributes: attributes.map((attribute) => ({ name: attribute.name ?? '', value: attribute.value ?? '' })),
    };
    const seconds = ttl === undefined ? undefined : Math.ceil((istioDurationMs(ttl) ?? 0) / 1_000);
    return { case: 'cookie', value: { ...cookie, ...(seconds === undefined ? {} : { ttlS: BigInt(seconds) }) } };
  }
  if (useSourceIp === true) return { case: 'sourceIp', value: true };
  return httpQueryParameterName === undefined || httpQueryParameterName === ''
    ? undefined
    : { case: 'queryParameter', value: httpQueryParameterName };
}

function tableOf({ ringHash, maglev, minimumRingSize }: ConsistentHashPolicy): NonNullable<HashInit['table']> {
  if (maglev !== undefined) {
    const size = maglev.tableSize ?? 0;
    return { case: 'maglevTableSize', value: isMaglevSize(size) ? size : MAGLEV_SIZE };
  }
  const size = (ringHash === undefined ? minimumRingSize : ringHash.minimumRingSize) ?? 0;
  return { case: 'minimumRingSize', value: size === 0 ? RING_SIZE : Math.min(size, MAX_HASH_RING) };
}

function hashNotHonoured(policy: ConsistentHashPolicy): string[] {
  const { ringHash, maglev, minimumRingSize = 0 } = policy;
  const ringSize = ringHash?.minimumRingSize ?? 0;
  const tableSize = maglev?.tableSize ?? 0;
  return [
    ...(keyOf(policy) === undefined ? [' without a key'] : []),
    ...(ringSize > MAX_HASH_RING ? [`.ringHash.minimumRingSize beyond ${MAX_HASH_RING}`] : []),
    ...(minimumRingSize > MAX_HASH_RING ? [`.minimumRingSize beyond ${MAX_HASH_RING}`] : []),
    ...(tableSize === 0 || isMaglevSize(tableSize)
      ? []
      : [`.maglev.tableSize ${tableSize}, which is no prime number up to ${MAX_MAGLEV_TABLE}`]),
  ];
}

function isMaglevSize(size: number): boolean {
  return size <= MAX_MAGLEV_TABLE && isPrime(size);
}

function warmsUp(policy: BalancingPolicy | undefined): policy is BalancingPolicy {
  const { consistentHash, simple = '' } = policy ?? {};
  return policy !== undefined && consistentHash === undefined && !['PASSTHROUGH', 'RANDOM'].includes(simple);
}

/** The old field counts where there is no new one. */
function warmupOf({ warmup, warmupDurationSecs }: BalancingPolicy): MessageInitShape<typeof WarmupSchema> | undefined {
  const duration = istioDurationMs(warmup?.duration ?? warmupDurationSecs ?? '0') ?? 0;
  if (duration === 0) return undefined;
  return {
    durationMs: BigInt(duration),
    minimumPercent: warmup?.minimumPercent ?? WARMUP_PERCENT,
    aggression: warmup?.aggression ?? WARMUP_AGGRESSION,
  };
}
