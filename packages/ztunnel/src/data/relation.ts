import type { Service } from '@ambit/mesh/service';
import type { Workload } from '@ambit/mesh/workload';
import { AccessLines, type AccessParty } from '@ambit/telemetry/access-log';
import type { TrafficSeries } from '@ambit/telemetry/traffic-metrics';
import type { ServedPod } from './served-pod.ts';

/** Who is at the other end of a connection of a pod, and as what it is counted. */
export interface RelationKey {
  readonly reporter: 'destination' | 'source';
  readonly workload: Workload | undefined;
  /** Who the other end proved to be; undefined in plaintext. */
  readonly principal: string | undefined;
  readonly service: Service | undefined;
}

/** What all connections between a pod and one other end have in common: their counters, and most of their log lines. */
export class Relation {
  readonly reporter: 'destination' | 'source';
  readonly series: TrafficSeries;
  readonly lines: AccessLines;
  readonly #own: Workload | undefined;
  readonly #principal: string | undefined;
  readonly #service: Service | undefined;

  constructor(pod: ServedPod, { reporter, workload, principal, service }: RelationKey) {
    const { metrics, config } = pod.thread;
    const own = pod.workload();
    const ownPrincipal = principal === undefined ? undefined : pod.principal;
    const ownParty = metrics.traffic.party(own, ownPrincipal);
    const otherParty = metrics.traffic.party(workload, principal);
    const outbound = reporter === 'source';
    const ownEnd: AccessParty = {
      workload: pod.info.name,
      namespace: pod.info.namespace,
      identity: ownPrincipal,
      cluster: own?.clusterId ?? config.clusterId,
    };
    const otherEnd: AccessParty = {
      workload: workload?.name,
      namespace: workload?.namespace,
      identity: principal,
      cluster: workload?.clusterId,
    };
    this.reporter = reporter;
    this.#own = own;
    this.#principal = principal;
    this.#service = service;
    this.series = metrics.traffic.series(
      reporter,
      outbound ? ownParty : otherParty,
      outbound ? otherParty : ownParty,
      service,
      '-',
    );
    this.lines = new AccessLines(config.logFormat === 'json' ? 'json' : 'text', {
      process: process.pid,
      direction: outbound ? 'outbound' : 'inbound',
      source: outbound ? ownEnd : otherEnd,
      destination: outbound ? otherEnd : ownEnd,
      service: service?.hostname,
    });
  }

  /** Whether it is the relation of `key`, the workload apart, and still counted. */
  holds(pod: ServedPod, { reporter, principal, service }: RelationKey): boolean {
    return (
      this.reporter === reporter &&
      this.#service === service &&
      this.#principal === principal &&
      this.#own === pod.workload() &&
      this.series.source.goneSince === undefined &&
      this.series.destination.goneSince === undefined
    );
  }
}

/** Relations of a pod with one workload, or with all that are none, that are kept; a service or an identity makes another. */
const KEPT = 64;

/** The relations of a pod, made once and found by what they are about. */
export class Relations {
  readonly #pod: ServedPod;
  readonly #byWorkload = new WeakMap<Workload, Relation[]>();
  readonly #ofStrangers: Relation[] = [];

  constructor(pod: ServedPod) {
    this.#pod = pod;
  }

  find(key: RelationKey): Relation {
    const list = this.#listOf(key.workload);
    for (const relation of list) if (relation.holds(this.#pod, key)) return relation;
    const relation = new Relation(this.#pod, key);
    if (list.length >= KEPT) list.length = 0;
    list.push(relation);
    return relation;
  }

  #listOf(workload: Workload | undefined): Relation[] {
    if (workload === undefined) return this.#ofStrangers;
    let list = this.#byWorkload.get(workload);
    if (list === undefined) {
      list = [];
      this.#byWorkload.set(workload, list);
    }
    return list;
  }
}
