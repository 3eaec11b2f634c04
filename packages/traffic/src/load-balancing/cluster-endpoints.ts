import type { Choice } from '@ambit/mesh/endpoint/endpoint-set';
import type { EndpointTier } from '@ambit/mesh/endpoint/endpoint-table';
import type { CompiledCluster } from '../compiled-service.ts';
import { MAX_REDRAWS } from '../limits.ts';
import type { LoadBalancing } from '../model/served-service.ts';
import type { OutlierDetection } from '../outlier/outlier-detection.ts';
import { BalancedTier } from './balanced-tier.ts';
import { EndpointSlot } from './endpoint-slot.ts';

/**
 * The endpoints of a cluster on one data thread, what is under way to them, and the state of their balancing. Endpoints come
 * from `EndpointSet.candidates` of the mesh model, which knows ports, health, reachability and locality; the same list as
 * before costs one comparison.
 */
export class ClusterEndpoints {
  readonly #kind: LoadBalancing;
  readonly #subsetUids: ReadonlySet<string> | undefined;
  readonly #outliers: OutlierDetection | undefined;
  #slots: Map<string, EndpointSlot>;
  #source: readonly EndpointTier[] | undefined;
  #tiers: readonly BalancedTier[] = [];
  /** The rank that comes first in the choice that is being made. */
  #first = 0;

  /**
   * `outliers`: who judges endpoints in place of the mesh's quarantine. `previous`: of the cluster's last version, whose counts of
   * requests under way go on.
   */
  constructor({ model, subsetUids }: CompiledCluster, outliers?: OutlierDetection, previous?: ClusterEndpoints) {
    this.#outliers = outliers;
    this.#kind = model.loadBalancing;
    this.#subsetUids = subsetUids;
    this.#slots = previous === undefined ? new Map<string, EndpointSlot>() : new Map(previous.#slots);
  }

  /** Endpoints in the order of their ranks, as they are drawn from. */
  get tiers(): readonly BalancedTier[] {
    return this.#tiers;
  }

  /** Takes the candidates of the moment, best rank first; those outside the subset are left out. */
  refresh(candidates: readonly EndpointTier[], random: () => number): void {
    if (candidates === this.#source) return;
    this.#source = candidates;
    const slots = new Map<string, EndpointSlot>();
    const tiers: BalancedTier[] = [];
    for (const { endpoints } of candidates) {
      const members: EndpointSlot[] = [];
      for (const endpoint of endpoints) {
        const { uid, partOf = uid } = endpoint.workload;
        if (this.#subsetUids?.has(partOf) === false) continue;
        const slot = this.#slots.get(uid);
        slot?.update(endpoint);
        const member = slot ?? new EndpointSlot(endpoint);
        slots.set(uid, member);
        this.#outliers?.watch(uid);
        members.push(member);
      }
      if (members.length > 0) tiers.push(new BalancedTier(members, this.#kind, random));
    }
    this.#slots = slots;
    this.#tiers = tiers;
  }

  /**
   * Chooses an endpoint of the best rank that has one which neither is passed over nor was `tried` by this request (uids).
   * Without outlier detection those in quarantine are passed over: when only they are untried, one of them; when all were tried, any.
   * With it those that are out are never chosen, unless fewer than `minHealthPercent` are in. Undefined when there is none.
   * `passedRanks`: how many of the best ranks come last.
   */
  choose(tried: readonly string[], choice: Choice, passedRanks = 0): EndpointSlot | undefined {
    // The last rank is never passed over.
    this.#first = Math.max(0, Math.min(passedRanks, this.#tiers.length - 1));
    const outliers = this.#outliers;
    if (outliers !== undefined) {
      if (!outliers.anyOut || this.#panics(outliers)) return this.#any(tried, choice.random);
      const isOut = (uid: string): boolean => outliers.isOut(uid);
      return this.#among(tried, choice.random, isOut) ?? this.#among(NONE_TRIED, choice.random, isOut);
    }
    const { quarantine } = choice;
    if (!quarantine.empty) {
      const now = choice.now();
      const slot = this.#among(tried, choice.random, (uid) => quarantine.benched(uid, now));
      if (slot !== undefined) return slot;
    }
    return this.#any(tried, choice.random);
  }

  /** Whether there are endpoints, and all of them are out. */
  get allOut(): boolean {
    const outliers = this.#outliers;
    return (
      outliers !== undefined && this.#slots.size > 0 && [...this.#slots.keys()].every((uid) => outliers.isOut(uid))
    );
  }

  #any(tried: readonly string[], random: () => number): EndpointSlot | undefined {
    return this.#among(tried, random, undefined) ?? this.#tiers[0]?.draw(random);
  }

  #among(tried: readonly string[], random: () => number, isOut: IsOut | undefined): EndpointSlot | undefined {
    const { length } = this.#tiers;
    for (let at = 0; at < length; at++) {
      const tier = this.#tiers[(this.#first + at) % length];
      const slot = tier === undefined ? undefined : chooseFrom(tier, tried, random, isOut);
      if (slot !== undefined) return slot;
    }
    return undefined;
  }

  #panics(outliers: OutlierDetection): boolean {
    const { minHealthPercent } = outliers.policy;
    if (minHealthPercent === 0) return false;
    let well = 0;
    for (const uid of this.#slots.keys()) if (!outliers.isOut(uid)) well++;
    return well * 100 < minHealthPercent * this.#slots.size;
  }
}

type IsOut = (uid: string) => boolean;

const NONE_TRIED: readonly string[] = [];

/** Draws again when the drawn one is out, a few times; then takes the least busy of those left. */
function chooseFrom(
  tier: BalancedTier,
  tried: readonly string[],
  random: () => number,
  isOut: IsOut | undefined,
): EndpointSlot | undefined {
  for (let draw = 0; draw <= MAX_REDRAWS; draw++) {
    const slot = tier.draw(random);
    if (slot !== undefined && usable(slot, tried, isOut)) return slot;
  }
  let least: EndpointSlot | undefined;
  for (const slot of tier.slots) {
    if (usable(slot, tried, isOut) && (least === undefined || load(slot) < load(least))) least = slot;
  }
  return least;
}

function usable({ uid }: EndpointSlot, tried: readonly string[], isOut: IsOut | undefined): boolean {
  return !tried.includes(uid) && isOut?.(uid) !== true;
}

function load({ active, weight }: EndpointSlot): number {
  return (active + 1) / weight;
}
