import type { Keepalive } from '@ambit/native/socket-option';
import type { DescriptorAccount } from '@ambit/reactor/descriptor-budget';
import type { ConnectionTimes } from './connection.ts';
import type { TunnelObserver } from './observer.ts';

export interface HbonePoolOptions extends ConnectionTimes {
  /** SO_MARK of the connections, so that they are not redirected again. Default: none. */
  readonly mark?: number;
  /** Streams per connection at most. Default `MAX_STREAMS_PER_CONNECTION`. */
  readonly maxStreams?: number;
  /** Streams beyond which another connection is opened beside the first. Default `SPREAD_STREAMS`, never above `maxStreams`. */
  readonly spreadStreams?: number;
  /** Milliseconds after which a connection without streams is closed. Default `POOL_IDLE_MS`. */
  readonly idleMs?: number;
  /** TCP keepalive of the connections. Default: none; PINGs find dead peers. */
  readonly keepalive?: Keepalive;
  /** Milliseconds for a TCP connect. Default `CONNECT_TIMEOUT_MS`. */
  readonly connectTimeoutMs?: number;
  /** For whom the descriptors of the connections count. Default: nobody. */
  readonly account?: DescriptorAccount;
  /** Default: nothing is observed. */
  readonly observer?: TunnelObserver;
}
