import type { Choice } from '@ambit/mesh/endpoint/endpoint-set';
import type { EndpointTier } from '@ambit/mesh/endpoint/endpoint-table';
import type { Quarantine } from '@ambit/mesh/endpoint/quarantine';
import type { CompiledCluster } from '../compiled-service.ts';
import { MAX_REDRAWS } from '../limits.ts';
import type { LoadBalancing } from '../model/served-service.ts';
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
  #slots: Map<string, EndpointSlot>;
  #source: readonly EndpointTier[] | undefined;
  #tiers: readonly BalancedTier[] = [];

  /** `previous`: of the cluster's last version, whose counts of requests under way go on. */
  constructor({ model, subsetUids }: CompiledCluster, previous?: ClusterEndpoints) {
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
        members.push(member);
      }
      if (members.length > 0) tiers.push(new BalancedTier(members, this.#kind, random));
    }
    this.#slots = slots;
    this.#tiers = tiers;
  }

  /**
   * Chooses an endpoint of the best rank that has one which neither is in quarantine nor was `tried` by this request (uids).
   * When only endpoints in quarantine are untried, one of those; when all were tried, any. Undefined when there is none.
   */
  choose(tried: readonly string[], choice: Choice): EndpointSlot | undefined {
    const { quarantine } = choice;
    if (!quarantine.empty) {
      const now = choice.now();
      for (const tier of this.#tiers) {
        const slot = chooseFrom(tier, tried, choice.random, quarantine, now);
        if (slot !== undefined) return slot;
      }
    }
    for (const tier of this.#tiers) {
      const slot = chooseFrom(tier, tried, choice.random, undefined, 0);
      if (slot !== undefined) return slot;
    }
    return this.#tiers[0]?.draw(choice.random);
  }
}

/** Draws again when the drawn one is out, a few times; then takes the least busy of those left. */
function chooseFrom(
  tier: BalancedTier,
  tried: readonly string[],
  random: () => number,
  quarantine: Quarantine | undefined,
  now: number,
): EndpointSlot | undefined {
  for (let draw = 0; draw <= MAX_REDRAWS; draw++) {
    const slot = tier.draw(random);
    if (slot !== undefined && usable(slot, tried, quarantine, now)) return slot;
  }
  let least: EndpointSlot | undefined;
  for (const slot of tier.slots) {
    if (usable(slot, tried, quarantine, now) && (least === undefined || load(slot) < load(least))) least = slot;
  }
  return least;
}

function usable(
  { uid }: EndpointSlot,
  tried: readonly string[],
  quarantine: Quarantine | undefined,
  now: number,
): boolean {
  return !tried.includes(uid) && quarantine?.benched(uid, now) !== true;
}

function load({ active, weight }: EndpointSlot): number {
  return (active + 1) / weight;
}
