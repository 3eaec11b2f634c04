import type { IpAddress } from '@ambit/core/address';
import type { Clock } from '@ambit/core/clock';
import type { Sample } from '../start/exposition.ts';
import type { AccessRecord } from '../start/access-log.ts';
import type { Recoverable } from './check.ts';
import type { LinkReport } from './capture/link-witness.ts';
import type { DialOptions, DialResult, LoadOptions, LoadReport, ServerEvent } from './clients/options.ts';
import type {
  BackendEvent,
  RequestsOptions,
  RequestsReport,
  SlowReaderOptions,
  UploadOptions,
  UploadReport,
} from './clients/requests-options.ts';
import type { FailingServerOptions, FailingServerReport } from './clients/failing-server-options.ts';
import type { TlsServerOptions, TlsServerReport } from './clients/tls-server-options.ts';
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
  /** Resolves when the pods of a Deployment of namespace `check` are those of its present template, and all others are gone. */
  rolled(deployment: string): Promise<void>;
  /** The pods that run for a Gateway `namespace/name`, ready ones first. */
  waypoints(gateway: string): BenchWaypoint[];
  /** Whether each node is a zone of its own; at first they are none. */
  zoned(on: boolean): void;
  /** Whether the pod of this name is ready; undefined when there is none. */
  ready(pod: string): boolean | undefined;
  /** The address of the pod of this name. */
  ip(pod: string): IpAddress;
  /** Kills what runs in all pods whose names begin so, at once, as a power cut would; resolves with the moment before. */
  killPods(prefix: string): Promise<number>;
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
 * is labelled and unlabelled. `backend-…` serve HTTP and `till-…` gRPC behind the waypoint of `waypoint/manifests.ts`, two
 * versions of each.
 */
export type BenchPodName =
  | 'client'
  | 'server'
  | 'guest'
  | 'outsider'
  | 'mover'
  | 'stayer'
  | 'backend-v1-a'
  | 'backend-v1-b'
  | 'backend-v2'
  | 'till-v1'
  | 'till-v2';

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
  /** Sends requests from inside the pod until their number is reached. */
  requests(options: RequestsOptions & { readonly total: number }): Promise<RequestsReport>;
  /** Begins to send requests from inside the pod; resolves when the first is about to be sent. */
  requesting(options: RequestsOptions): Promise<Running<RequestsReport>>;
  /** Sends bodies part by part from inside the pod. */
  upload(options: UploadOptions): Promise<UploadReport>;
  /** Begins to read slowly from inside the pod; resolves when every buffer on the way had time to fill. */
  readSlowly(options: SlowReaderOptions): Promise<Running<void>>;
  /** Begins to serve HTTP/1.1 over TLS from inside the pod. */
  serveTls(options: TlsServerOptions): Promise<Running<TlsServerReport>>;
  /** Begins to serve HTTP/1.1 from inside the pod, with an outage in between. */
  serveFailing(options: FailingServerOptions): Promise<Running<FailingServerReport>>;
  /** Runs the shop's teller against `host:port` from inside the pod; `rounds` of calls beside streams that it does not read. */
  tell(address: string, charges: number, rounds?: number): Promise<TellerReport>;
  /** Uploads that the HTTP server inside the pod has seen since `since` (milliseconds since the epoch). */
  uploads(since: number): BackendEvent[];
  /** What the server inside the pod has said since `since` (milliseconds since the epoch). */
  events(since: number): ServerEvent[];
}

export interface Running<Report> {
  stop(): Promise<Report>;
}

export type RunningLoad = Running<LoadReport>;

/** How a gRPC call ended: status, its message, and the version of the server from the trailing metadata. */
export interface CallEnding {
  readonly code: number;
  readonly details: string;
  readonly trailer: string;
}

export interface StreamReport {
  readonly messages: number;
  readonly versions: readonly string[];
  readonly ending: CallEnding;
}

/** What the shop's teller saw of payments over one connection. */
export interface TellerReport {
  readonly singles: { readonly versions: Readonly<Record<string, number>>; readonly failed: readonly CallEnding[] };
  /** Messages that each stream should have had. */
  readonly streamed: number;
  readonly instalments: StreamReport;
  readonly talked: StreamReport;
  readonly refused: CallEnding;
  readonly refusedStream: StreamReport;
  readonly late: CallEnding;
  /** Milliseconds until the call with a deadline of 300 was over. */
  readonly lateAfter: number;
  /** The p90 of calls without and beside streams that are not read, in milliseconds: medians over the rounds. */
  readonly stall: { readonly alone: number; readonly beside: number; readonly ratio: number };
}

/** A pod of a waypoint. */
export interface BenchWaypoint {
  readonly name: string;
  readonly ready: boolean;
  /** Kills its process as a crash would and resolves with the moment (milliseconds since the epoch) at which it was dead. */
  kill(): Promise<number>;
  /** Its access records that are not older than `since`. */
  accessLog(since: number): AccessRecord[];
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
  /** The certificate of the mesh's authority, PEM. */
  root(): string;
  /** A certificate for a SPIFFE id by an authority that the mesh does not know. */
  foreign(spiffe: string): Promise<PeerCertificate>;
}
