import { EXPIRE_AFTER_MILLISECONDS } from './limits.ts';
import { RESPONSE_FLAGS, type ResponseFlag } from './response-flags.ts';
import {
  type LabelledService,
  type LabelledWorkload,
  type PartyLabels,
  partyLabels,
  REPORTERS,
  type Reporter,
  type ServiceLabels,
  serviceLabels,
  trafficLabelValues,
  UNKNOWN_SERVICE,
} from './traffic-labels.ts';

/** The counters of one set of labels, as plain fields: whoever holds it counts by adding to them. */
export class TrafficSeries {
  opened = 0;
  closed = 0;
  failed = 0;
  /** Bytes from the source to the destination, whoever reports. */
  received = 0;
  /** Bytes from the destination to the source. */
  sent = 0;
  readonly reporter: Reporter;
  readonly source: Party;
  readonly destination: Party;
  readonly service: ServiceLabels;
  readonly flag: ResponseFlag;

  constructor(reporter: Reporter, source: Party, destination: Party, service: ServiceLabels, flag: ResponseFlag) {
    this.reporter = reporter;
    this.source = source;
    this.destination = destination;
    this.service = service;
    this.flag = flag;
  }

  labels(): string[] {
    return trafficLabelValues(this.reporter, this.source.labels, this.destination.labels, this.service, this.flag);
  }
}

/** One end of connections: all workloads whose labels are the same. */
export class Party {
  readonly labels: PartyLabels;
  /** Workloads that were counted under these labels and still exist. Empty for ends that are no workload. */
  readonly uids: Set<string> = new Set();
  /** When the last of them went. */
  goneSince: number | undefined;
  /** Series of which it is the source: by destination, then service. */
  readonly series: Map<Party, Map<ServiceLabels, Map<number, TrafficSeries>>> = new Map();

  constructor(labels: PartyLabels) {
    this.labels = labels;
  }
}

/**
 * The traffic counters of one thread. Label sets are interned along the way source, destination, service, so that a
 * connection finds its series by a few look-ups of objects and never joins texts.
 *
 * A connection is counted as opened once it is known how it begins: with flag `-` when it is relayed, with its flag when
 * it is refused. It is closed under the labels it was opened with, so that opened minus closed is what is open;
 * `failed` carries the flag of what went wrong, also for those that were relayed for a while.
 */
export class TrafficMetrics {
  readonly #parties = new Map<string, Party>();
  readonly #byWorkload = new WeakMap<LabelledWorkload, Map<string, Party>>();
  readonly #byUid = new Map<string, Set<Party>>();
  readonly #services = new Map<string, ServiceLabels>();
  readonly #byService = new WeakMap<LabelledService, ServiceLabels>();
  readonly #all = new Set<TrafficSeries>();

  /** The end of a connection at `workload` that proved to be `principal` (`spiffe://…`); undefined where not known. */
  party(workload: LabelledWorkload | undefined, principal: string | undefined): Party {
    if (workload === undefined) return this.#partyOf(partyLabels(undefined, principal));
    let byPrincipal = this.#byWorkload.get(workload);
    if (byPrincipal === undefined) {
      byPrincipal = new Map();
      this.#byWorkload.set(workload, byPrincipal);
    }
    const key = principal ?? '';
    let party = byPrincipal.get(key);
    if (party === undefined) {
      party = this.#partyOf(partyLabels(workload, principal));
      byPrincipal.set(key, party);
    }
    if (!party.uids.has(workload.uid)) this.#join(party, workload.uid);
    return party;
  }

  /** The counters for connections between two ends. The same object for the same labels; hold it while counting. */
  series(
    reporter: Reporter,
    source: Party,
    destination: Party,
    service: LabelledService | undefined,
    flag: ResponseFlag,
  ): TrafficSeries {
    const labels = service === undefined ? UNKNOWN_SERVICE : this.#serviceLabels(service);
    return this.#seriesOf(reporter, source, destination, labels, flag);
  }

  /** The counters with the same labels but another flag. */
  flagged({ reporter, source, destination, service }: TrafficSeries, flag: ResponseFlag): TrafficSeries {
    return this.#seriesOf(reporter, source, destination, service, flag);
  }

  all(): ReadonlySet<TrafficSeries> {
    return this.#all;
  }

  /** Notes that a workload is gone; its series are dropped by a later `expire`. */
  workloadRemoved(uid: string, now: number): void {
    for (const party of this.#byUid.get(uid) ?? []) {
      party.uids.delete(uid);
      if (party.uids.size === 0) party.goneSince = now;
    }
    this.#byUid.delete(uid);
  }

  /** Drops the series without open connections of which one end has been gone for some time. Returns how many. */
  expire(now: number): number {
    const due = ({ goneSince }: Party) => goneSince !== undefined && now - goneSince >= EXPIRE_AFTER_MILLISECONDS;
    const busy = new Set<Party>();
    let dropped = 0;
    for (const series of this.#all) {
      const { source, destination, opened, closed } = series;
      if (opened === closed && (due(source) || due(destination))) {
        this.#all.delete(series);
        drop(series);
        dropped++;
      } else {
        busy.add(source).add(destination);
      }
    }
    for (const [key, party] of this.#parties) if (due(party) && !busy.has(party)) this.#parties.delete(key);
    return dropped;
  }

  #seriesOf(
    reporter: Reporter,
    source: Party,
    destination: Party,
    service: ServiceLabels,
    flag: ResponseFlag,
  ): TrafficSeries {
    let byService = source.series.get(destination);
    if (byService === undefined) {
      byService = new Map();
      source.series.set(destination, byService);
    }
    let byFlag = byService.get(service);
    if (byFlag === undefined) {
      byFlag = new Map();
      byService.set(service, byFlag);
    }
    const key = flagKey(reporter, flag);
    let series = byFlag.get(key);
    if (series === undefined) {
      series = new TrafficSeries(reporter, source, destination, service, flag);
      byFlag.set(key, series);
      this.#all.add(series);
    }
    return series;
  }

  #partyOf(labels: PartyLabels): Party {
    const key = JSON.stringify(labels);
    let party = this.#parties.get(key);
    if (party === undefined) {
      party = new Party(labels);
      this.#parties.set(key, party);
    }
    return party;
  }

  #join(party: Party, uid: string): void {
    party.uids.add(uid);
    party.goneSince = undefined;
    const parties = this.#byUid.get(uid);
    if (parties === undefined) this.#byUid.set(uid, new Set([party]));
    else parties.add(party);
  }

  #serviceLabels(service: LabelledService): ServiceLabels {
    let labels = this.#byService.get(service);
    if (labels === undefined) {
      const key = `${service.namespace}/${service.hostname}/${service.name}`;
      labels = this.#services.get(key) ?? serviceLabels(service);
      this.#services.set(key, labels);
      this.#byService.set(service, labels);
    }
    return labels;
  }
}

function flagKey(reporter: Reporter, flag: ResponseFlag): number {
  return RESPONSE_FLAGS.indexOf(flag) * REPORTERS.length + REPORTERS.indexOf(reporter);
}

/** Takes a series out of the maps that lead to it. */
function drop({ reporter, source, destination, service, flag }: TrafficSeries): void {
  const byService = source.series.get(destination);
  const byFlag = byService?.get(service);
  byFlag?.delete(flagKey(reporter, flag));
  if (byFlag?.size === 0) byService?.delete(service);
  if (byService?.size === 0) source.series.delete(destination);
}
