import type { IpAddress } from '@ambit/core/address';
import type { Clock } from '@ambit/core/clock';
import type { Sample } from '../start/exposition.ts';
import type { AccessRecord } from '../start/access-log.ts';
import type { Recoverable } from './check.ts';
import type { LinkReport } from './capture/link-witness.ts';
import type { DialOptions, DialResult, LoadOptions, LoadReport, ServerEvent } from './clients/options.ts';
import type { PeerCertificate, TunnelVisit, VisitResult } from './clients/tunnel-options.ts';

/** A running mesh with the pods of `manifests.ts` in it, as the checks use it. */
export interface Bench extends Recoverable {
  readonly clock: Clock;
  /** Whether the long form of a check is wanted. */
  readonly full: boolean;
  /** Puts a manifest into the directory that the mesh reads, or replaces it. What it means is in force soon, not at once. */
  apply(name: string, yaml: string): void;
  /** Takes a manifest away again; nothing happens when there is none of that name. */
  remove(name: string): void;
  pod(name: BenchPodName): BenchPod;
  node(name: BenchNodeName): BenchNode;
  readonly controller: BenchController;
  /** The address of a Service `name.namespace`. */
  serviceAddress(name: string): IpAddress;
  /** Judges what crosses the link between the nodes from now on until `stop`. */
  watchLink(): LinkWatch;
  /** Certificates that the mesh's own authority, or a foreign one, could have issued. */
  readonly certificates: BenchCertificates;
}

export interface LinkWatch {
  stop(): Promise<LinkReport>;
}

export type BenchNodeName = 'a' | 'b';

/**
 * `client` (node a) and `server` (node b) are in the mesh, in one namespace; `guest` (node a) is in the mesh in another
 * namespace; `outsider` (node a) is not in the mesh; `mover` (node a) and `stayer` (node b) are in a namespace that
 * is labelled and unlabelled.
 */
export type BenchPodName = 'client' | 'server' | 'guest' | 'outsider' | 'mover' | 'stayer';

export interface BenchPod {
  readonly name: string;
  readonly namespace: string;
  readonly ip: IpAddress;
  /** Makes one connection from inside the pod. */
  dial(options: DialOptions): Promise<DialResult>;
  /** Visits a tunnel port from inside the pod. */
  visit(visit: TunnelVisit): Promise<VisitResult>;
  /** Begins a load from inside the pod; resolves when it is under way. */
  load(options: LoadOptions): Promise<RunningLoad>;
  /** What the server inside the pod has said since `since` (milliseconds since the epoch). */
  events(since: number): ServerEvent[];
}

export interface RunningLoad {
  stop(): Promise<LoadReport>;
}

export interface BenchNode {
  /** The access records of the node's proxy that are not older than `since` (milliseconds since the epoch). */
  accessLog(since: number): AccessRecord[];
  /** One scrape of the node's proxy. */
  metrics(): Promise<Sample[]>;
  /** A request to the admin listener of the node's proxy; rejects unless it is answered with 200. */
  admin(method: 'GET' | 'POST', path: string): Promise<string>;
  /** Open descriptors of the node's proxy process. */
  descriptors(): number;
  /** Process id of the node's proxy (not of its keeper). */
  proxyPid(): number;
  /** Kills the proxy process as a crash would and resolves with the moment (milliseconds since the epoch) at which it was dead. */
  killProxy(): Promise<number>;
  /**
   * Upgrades the proxy: starts a second one, waits until it is ready, tells the first to end and waits until it has.
   * `environment` is added to the second one's. Resolves with the moment at which the first was told.
   */
  replaceProxy(environment?: Readonly<Record<string, string>>): Promise<number>;
}

export interface BenchController {
  /** Kills the controller. */
  kill(): Promise<void>;
  /** Starts it again and resolves when it serves. */
  start(): Promise<void>;
  /** What it has to say against manifests, one line each. */
  problems(): Promise<string[]>;
}

export interface BenchCertificates {
  /** A certificate of the mesh's authority for a SPIFFE id. `notAfter` in milliseconds since the epoch; default in an hour. */
  own(spiffe: string, notAfter?: number): Promise<PeerCertificate>;
  /** A certificate for a SPIFFE id by an authority that the mesh does not know. */
  foreign(spiffe: string): Promise<PeerCertificate>;
}
