import type { Client } from '@ambit/mesh/client';
import type { Choice } from '@ambit/mesh/endpoint/endpoint-set';
import type { EndpointTier } from '@ambit/mesh/endpoint/endpoint-table';
import type { CompiledCluster } from '../compiled-service.ts';
import { MAX_REDRAWS } from '../limits.ts';
import type { HashTableSize, LoadBalancing, Warmup } from '../model/served-service.ts';
import type { OutlierDetection } from '../outlier/outlier-detection.ts';
import { BalancedTier } from './balanced-tier.ts';
import { randomHash } from './consistent-hash/compiled-hash.ts';
import type { Hash64 } from './consistent-hash/hash64.ts';
import { HashedTier, type Later } from './consistent-hash/hashed-tier.ts';
import { EndpointSlot } from './endpoint-slot.ts';
import type { LocalityRanks, RankedEndpoints } from './locality-ranks.ts';
import { Warming } from './warming.ts';
import { drawRank, drawShare, type IsOut } from './rank-draw.ts';

/**
 * The endpoints of a cluster on one data thread, what is under way to them, and the state of their balancing. Endpoints come
 * from `EndpointSet.candidates` of the mesh model, which knows ports, health, reachability and locality; the same list as
 * before costs one comparison.
 */
export class ClusterEndpoints {
  readonly #kind: LoadBalancing;
  readonly #warmup: Warmup | null;
  /** Nobody has been told yet who the endpoints are. */
  #isFirst: boolean;
  readonly #subsetUids: ReadonlySet<string> | undefined;
  readonly #outliers: OutlierDetection | undefined;
  readonly #locality: LocalityRanks | undefined;
  #slots: Map<string, EndpointSlot>;
  #source: readonly EndpointTier[] | undefined;
  /** The waypoint's place that they are ranked for. */
  #place: string | undefined;
  #tiers: readonly BalancedTier[] = [];
  readonly #hash: HashTableSize | undefined;
  readonly #later: Later | undefined;
  /** By rank, with consistent hashing. */
  #hashed: readonly HashedTier[] = [];
  /** Of each rank; undefined: the first gets what it can take. */
  #shares: readonly number[] | undefined;
  /** The rank that comes first in the choice that is being made. */
  #first = 0;
  /** The hash of the request for which it is made; with consistent hashing. */
  #wanted: Hash64 | undefined;

  /**
   * `outliers`: who judges endpoints in place of the mesh's quarantine. `previous`: of the cluster's last version, whose counts of
   * requests under way go on. `later`: makes hash tables piece by piece.
   */
  constructor(
    { model, subsetUids, locality, hash }: CompiledCluster,
    outliers?: OutlierDetection,
    previous?: ClusterEndpoints,
    later?: Later,
  ) {
    this.#hash = hash?.table;
    this.#later = later;
    this.#hashed = previous === undefined ? [] : previous.#hashed;
    this.#outliers = outliers;
    this.#kind = model.loadBalancing;
    this.#warmup = model.warmup;
    this.#isFirst = previous === undefined ? true : previous.#isFirst;
    this.#subsetUids = subsetUids;
    this.#locality = locality;
    this.#slots = previous === undefined ? new Map<string, EndpointSlot>() : new Map(previous.#slots);
  }

  /** Endpoints in the order of their ranks, as they are drawn from. */
  get tiers(): readonly BalancedTier[] {
    return this.#tiers;
  }

  /**
   * Takes the candidates of the moment, best rank first, as `from` sees them; those outside the subset are left out. The first ones
   * are there already, whoever comes later warms up.
   */
  refresh(candidates: readonly EndpointTier[], { random, now }: Pick<Choice, 'now' | 'random'>, from: Client): void {
    if (candidates === this.#source && (this.#locality === undefined || from.scopesKey === this.#place)) return;
    this.#source = candidates;
    this.#place = from.scopesKey;
    const { ranks, shares } = this.#locality?.rank(candidates, from.scopes) ?? asTheyAre(candidates);
    const warmup = this.#warmup;
    const since = warmup === null || this.#isFirst ? undefined : now();
    this.#isFirst = false;
    const slots = new Map<string, EndpointSlot>();
    const tiers: BalancedTier[] = [];
    const kept: number[] = [];
    for (const [rank, endpoints] of ranks.entries()) {
      const members: EndpointSlot[] = [];
      for (const endpoint of endpoints) {
        const { uid, partOf = uid } = endpoint.workload;
        if (this.#subsetUids?.has(partOf) === false) continue;
        const slot = this.#slots.get(uid);
        slot?.update(endpoint);
        const member = slot ?? new EndpointSlot(endpoint, since);
        slots.set(uid, member);
        this.#outliers?.watch(uid);
        members.push(member);
      }
      if (members.length === 0) continue;
      const warming = warmup === null ? undefined : new Warming(members, warmup, now);
      tiers.push(new BalancedTier(members, this.#kind, random, warming));
      kept.push(shares?.[rank] ?? 0);
    }
    this.#slots = slots;
    this.#tiers = tiers;
    this.#shares = shares === undefined ? undefined : kept;
    const table = this.#hash;
    if (table === undefined) return;
    const before = this.#hashed;
    this.#hashed = tiers.map((tier) => HashedTier.of(tier.slots, table, this.#later, before));
  }

  /**
   * Chooses an endpoint of the best rank that has one which neither is passed over nor was `tried` by this request (uids).
   * Without outlier detection those in quarantine are passed over: when only they are untried, one of them; when all were tried, any.
   * With it those that are out are never chosen, unless fewer than `minHealthPercent` are in, and a rank of which too many are out
   * shares its requests with the next (`OVERPROVISIONING`). Undefined when there is none.
   * `passedRanks`: how many of the best ranks come last; not of shares. `belongs`: to whom the request does. The hash of
   * its key, with consistent hashing; an endpoint that may not be chosen is stood in for by the same other one. Or the uid of the
   * endpoint that its session is with, which is chosen if it may be.
   */
  choose(
    tried: readonly string[],
    choice: Choice,
    passedRanks = 0,
    belongs?: Hash64 | string,
  ): EndpointSlot | undefined {
    const hash = typeof belongs === 'string' ? undefined : belongs;
    if (this.#hash !== undefined) this.#wanted = hash ?? randomHash(choice.random);
    const outliers = this.#outliers;
    const isJudged = outliers?.anyOut === true && !this.#panics(outliers);
    const isOut = isJudged ? (uid: string): boolean => outliers.isOut(uid) : undefined;
    if (typeof belongs === 'string') {
      const bound = this.#slots.get(belongs);
      if (bound !== undefined && usable(bound, tried, isOut)) return bound;
    }
    this.#first = this.#firstRank(passedRanks, this.#rankDraw(choice), isOut);
    if (outliers !== undefined) {
      if (isOut === undefined) return this.#any(tried, choice.random);
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

  /** A request with a hash belongs to a rank as well: its lower half, of which tables make little, decides. */
  #rankDraw({ random }: Choice): () => number {
    const wanted = this.#wanted;
    return wanted === undefined ? random : () => wanted.low / 4_294_967_296;
  }

  #firstRank(passedRanks: number, random: () => number, isOut: IsOut | undefined): number {
    const shares = this.#shares;
    if (shares !== undefined) return shares.length > 1 ? drawShare(this.#tiers, shares, random, isOut) : 0;
    // The last rank is never passed over.
    if (passedRanks > 0) return Math.max(0, Math.min(passedRanks, this.#tiers.length - 1));
    return isOut !== undefined && this.#tiers.length > 1 ? drawRank(this.#tiers, random, isOut) : 0;
  }

  /** Whether there are endpoints, and all of them are out. */
  get allOut(): boolean {
    const outliers = this.#outliers;
    return (
      outliers !== undefined && this.#slots.size > 0 && [...this.#slots.keys()].every((uid) => outliers.isOut(uid))
    );
  }

  #any(tried: readonly string[], random: () => number): EndpointSlot | undefined {
    return (
      this.#among(tried, random, undefined) ??
      (this.#hash === undefined ? this.#tiers[0]?.draw(random) : this.#among(NONE_TRIED, random, undefined))
    );
  }

  #among(tried: readonly string[], random: () => number, isOut: IsOut | undefined): EndpointSlot | undefined {
    const { length } = this.#tiers;
    for (let at = 0; at < length; at++) {
      const slot = this.#chooseAt((this.#first + at) % length, tried, random, isOut);
      if (slot !== undefined) return slot;
    }
    return undefined;
  }

  #chooseAt(
    rank: number,
    tried: readonly string[],
    random: () => number,
    isOut: IsOut | undefined,
  ): EndpointSlot | undefined {
    const wanted = this.#wanted;
    if (wanted !== undefined) return this.#hashed[rank]?.find(wanted, (slot) => usable(slot, tried, isOut));
    const tier = this.#tiers[rank];
    return tier === undefined ? undefined : chooseFrom(tier, tried, random, isOut);
  }

  #panics(outliers: OutlierDetection): boolean {
    const { minHealthPercent } = outliers.policy;
    if (minHealthPercent === 0) return false;
    let well = 0;
    for (const uid of this.#slots.keys()) if (!outliers.isOut(uid)) well++;
    return well * 100 < minHealthPercent * this.#slots.size;
  }
}

const NONE_TRIED: readonly string[] = [];

function asTheyAre(candidates: readonly EndpointTier[]): RankedEndpoints {
  return { ranks: candidates.map(({ endpoints }) => endpoints), shares: undefined };
}

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
