import type { SocketAddress } from '@ambit/core/address';
import type { TunnelObserver } from '@ambit/hbone/observer';
import type { RelayOutcome } from '@ambit/hbone/tunnel';
import type { NodePlace } from '@ambit/mesh/client';
import type { Choice } from '@ambit/mesh/endpoint/endpoint-set';
import type { MeshStore } from '@ambit/mesh/mesh-store';
import type { Keepalive } from '@ambit/native/socket-option';
import type { DescriptorAccount } from '@ambit/reactor/descriptor-budget';
import type { Reactor } from '@ambit/reactor/reactor';
import type { Config } from '../config.ts';
import type { Pod } from '../messages.ts';
import type { UnansweredConnections } from '../unanswered.ts';
import type { TraceContexts } from '@ambit/telemetry/trace-context';
import type { AccessLog } from '@ambit/proxy/access-log';
import type { Credentials } from '@ambit/proxy/credentials';
import type { Judge } from './judge.ts';
import type { ThreadMetrics } from './thread-metrics.ts';
import type { Cuttable } from './transfer.ts';

/** What all pods and connections of one data thread share. */
export interface DataThreadContext {
  readonly config: Config;
  readonly reactor: Reactor;
  readonly store: MeshStore;
  readonly choice: Choice;
  readonly credentials: Credentials;
  readonly judge: Judge;
  readonly metrics: ThreadMetrics;
  readonly accessLog: AccessLog;
  readonly unanswered: UnansweredConnections;
  readonly traces: TraceContexts;
  /** Monotonic milliseconds, read anew at each call; `reactor.now` is read once per turn. */
  readonly clockNow: () => number;
  /** Milliseconds since the epoch, for the access log. */
  readonly wallTime: () => number;
  readonly place: NodePlace;
  /** The own trust domain and its aliases. */
  readonly trustDomains: ReadonlySet<string>;
  readonly keepalive: Keepalive;
  /** For whom the descriptors of a pod's connections count. */
  readonly accountOf: (pod: Pod) => DescriptorAccount;
  /** Where queries go that the model does not answer; undefined when there is no resolver. */
  readonly dnsUpstream: SocketAddress | undefined;
  readonly tunnelObserver: TunnelObserver;
  /** Copies bytes between an application's connection `a` and another connection; the result cuts both. */
  readonly relayPlain: (a: number, b: number, onEnd: (outcome: RelayOutcome) => void) => Cuttable;
}
