import { formatSocketAddress, type SocketAddress } from '@ambit/core/address';
import { AmbitError } from '@ambit/core/errors';
import type { HbonePool } from '@ambit/hbone/pool';
import { reasonOf } from '@ambit/hbone/reason';
import type { ClientCredential, Fields } from '@ambit/hbone/tunnel';
import type { Endpoint } from '@ambit/mesh/endpoint/endpoint';
import { HBONE_PORT } from '@ambit/mesh/ports';
import { type Keepalive, setKeepalive } from '@ambit/native/socket-option';
import type { DuplexEndpoint } from '@ambit/reactor/endpoint';
import type { DescriptorAccount } from '@ambit/reactor/descriptor-budget';
import type { Reactor } from '@ambit/reactor/reactor';
import { TcpEndpoint } from '@ambit/reactor/tcp-endpoint';
import { connectTcp } from '@ambit/reactor/tcp-connect';
import type { TcpKeepalive } from '@ambit/traffic/model/cluster-limits';
import { endpointLate, endpointRefused } from './failures.ts';
import { secure } from './secured-dial.ts';
import type { EndpointTransport } from './transport-choice.ts';
import type { UpstreamTlsContexts } from './upstream-tls.ts';
import { WAITING } from './waiting-endpoint.ts';

/** Who the waypoint is towards endpoints. */
export interface DiallerIdentity {
  readonly principal: string;
  readonly sourceIp: string;
  readonly credential: () => ClientCredential | undefined;
  /** Goes with every CONNECT, for the telemetry of the other end. */
  readonly fields: Fields;
  /** For endpoints that ask for TLS of their own. */
  readonly tls: UpstreamTlsContexts;
  /** For whom the descriptors of plain connections count. Default: nobody. */
  readonly account?: DescriptorAccount;
}

/** How a connection is made. */
export interface DialOptions {
  /** Undefined: bytes go as they are. */
  readonly transport: EndpointTransport | undefined;
  /** Offered by ALPN. */
  readonly protocols: readonly string[];
  /** Of a connection outside of tunnels. Undefined: none. */
  readonly keepalive: TcpKeepalive | undefined;
}

/** Opens byte connections to endpoints: a tunnel to those in the mesh, of which exactly their identity is accepted, else plain TCP. */
export class Dialler {
  readonly reactor: Reactor;
  readonly #pool: HbonePool;
  readonly #identity: DiallerIdentity;

  constructor(reactor: Reactor, pool: HbonePool, identity: DiallerIdentity) {
    this.reactor = reactor;
    this.#pool = pool;
    this.#identity = identity;
  }

  get tls(): UpstreamTlsContexts {
    return this.#identity.tls;
  }

  /**
   * `done` is called once, later, with an open connection whose bytes nobody hears of yet, or with why there is none. `timeoutMs`
   * bounds the connect and what the transport adds.
   */
  dial(
    endpoint: Endpoint,
    address: SocketAddress,
    timeoutMs: number,
    { transport, protocols, keepalive }: DialOptions,
    done: (dialled: AmbitError | DuplexEndpoint) => void,
  ): void {
    const dialled = transport === undefined ? done : this.#securing(address, timeoutMs, transport, protocols, done);
    if (endpoint.workload.protocol === 'tcp') this.#dialPlain(address, timeoutMs, keepalive, dialled);
    else this.#dialTunnel(endpoint, address, timeoutMs, dialled);
  }

  #securing(
    address: SocketAddress,
    timeoutMs: number,
    transport: EndpointTransport,
    protocols: readonly string[],
    done: (dialled: AmbitError | DuplexEndpoint) => void,
  ): (dialled: AmbitError | DuplexEndpoint) => void {
    const { reactor } = this;
    const end = reactor.now + timeoutMs;
    return (dialled) => {
      if (dialled instanceof AmbitError) done(dialled);
      else {
        const to = { address, protocols, timeoutMs: Math.max(1, end - reactor.now) };
        secure(reactor, this.#identity.tls, dialled, transport, to, done);
      }
    };
  }

  #dialTunnel(
    { workload, identities }: Endpoint,
    address: SocketAddress,
    timeoutMs: number,
    done: (dialled: AmbitError | DuplexEndpoint) => void,
  ): void {
    const { principal, sourceIp, credential, fields } = this.#identity;
    const target = {
      address: { ip: address.ip, port: HBONE_PORT },
      sourceIp,
      sourcePrincipal: principal,
      credential,
      expected: identities,
      workloadUid: workload.uid,
    };
    // The application is connected behind the tunnel: without an answer nobody knows which of the two is late.
    const timer =
      timeoutMs === 0
        ? undefined
        : this.reactor.after(timeoutMs, () => {
            pending.cancel();
            done(endpointLate(address, timeoutMs));
          });
    const pending = this.#pool.open(target, formatSocketAddress(address), fields, {
      onAccepted: (tunnel) => {
        timer?.cancel();
        done(tunnel.endpoint(WAITING));
      },
      onRefused: (status, answered) => {
        timer?.cancel();
        done(endpointRefused(address, status, reasonOf(answered)));
      },
      onFailed: (error) => {
        timer?.cancel();
        done(error);
      },
    });
  }

  #dialPlain(
    destination: SocketAddress,
    timeoutMs: number,
    keepalive: TcpKeepalive | undefined,
    done: (dialled: AmbitError | DuplexEndpoint) => void,
  ): void {
    connectTcp(
      this.reactor,
      { destination, account: this.#identity.account, ...(timeoutMs > 0 ? { timeoutMs } : {}) },
      {
        onConnected: (fd) => {
          if (keepalive !== undefined) setKeepalive(fd, withDefaults(keepalive));
          done(new TcpEndpoint(this.reactor, fd, WAITING));
        },
        onConnectFailed: done,
      },
    );
  }
}

/** What is not said is as Linux has it. */
function withDefaults({ probes, timeS, intervalS }: TcpKeepalive): Keepalive {
  return {
    idle: timeS > 0 ? timeS : 7_200,
    interval: intervalS > 0 ? intervalS : 75,
    probes: probes > 0 ? probes : 9,
  };
}
