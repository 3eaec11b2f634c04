import type { Choice } from '@ambit/mesh/endpoint/endpoint-set';
import type { MeshStore } from '@ambit/mesh/mesh-store';
import type { DescriptorAccount } from '@ambit/reactor/descriptor-budget';
import type { Reactor } from '@ambit/reactor/reactor';
import type { RequestIds } from '@ambit/telemetry/request-id';
import type { Config } from '../config.ts';
import type { CheckBudget } from './check-budget.ts';
import type { Tracer } from './request-trace.ts';
import type { OpaqueConnection } from './opaque-connection.ts';
import type { RequestLog } from './request-log.ts';
import type { ServedConnection } from './served-connection.ts';
import type { ServedRequest } from './served-request.ts';
import type { ServedServices } from './served-services.ts';
import type { TokenKeys } from './token-keys.ts';
import type { ThreadMetrics } from './thread-metrics.ts';

/** What all connections of one data thread share. */
export interface DataThreadContext {
  readonly config: Config;
  readonly reactor: Reactor;
  readonly store: MeshStore;
  readonly choice: Choice;
  readonly services: ServedServices;
  readonly metrics: ThreadMetrics;
  readonly tokens: TokenKeys;
  readonly requestLog: RequestLog;
  readonly requestIds: RequestIds;
  readonly tracer: Tracer;
  /** What requests may cost that wait for external authorizers. */
  readonly checks: CheckBudget;
  /** Milliseconds since the epoch, for the access log. */
  readonly wallTime: () => number;
  /** The waypoint's own principal. */
  readonly principal: string;
  /** For whom the descriptors of connections count. Default: nobody. */
  readonly account?: DescriptorAccount;
  /** Connections that speak HTTP. */
  readonly connections: Set<ServedConnection>;
  /** Requests of theirs that have become connections in another protocol. */
  readonly switched: Set<ServedRequest>;
  /** Connections whose bytes are not looked at. */
  readonly opaque: Set<OpaqueConnection>;
}
