import { HboneServer } from '@ambit/hbone/server';
import type { IncomingTunnel } from '@ambit/hbone/tunnel';
import { openTcpListener } from '@ambit/native/listening-socket';
import { Listener } from '@ambit/reactor/listener';
import type { Reactor } from '@ambit/reactor/reactor';
import { context, leaf } from './test-identities.ts';

/** What an endpoint does with a tunnel that the waypoint opens; its pod's ztunnel and its application in one. */
export type EndpointBehaviour = (tunnel: IncomingTunnel, endpoint: TestEndpoint) => void;

/** An endpoint of the service: a node proxy with an application behind it. */
export class TestEndpoint {
  readonly name: string;
  readonly uid: string;
  readonly ip: string;
  behaviour: EndpointBehaviour;
  /** Tunnels that were asked for. */
  tunnels = 0;
  readonly server: HboneServer;
  readonly #listener: Listener;
  readonly #reactor: Reactor;
  readonly #fd: number;

  constructor(reactor: Reactor, name: string, ip: string, principal: string, behaviour: EndpointBehaviour) {
    this.#reactor = reactor;
    this.name = name;
    this.uid = `cluster//Pod/shop/${name}`;
    this.ip = ip;
    this.behaviour = behaviour;
    const tls = context('server', leaf(principal));
    this.server = new HboneServer(reactor, {
      context: () => tls,
      trustDomains: new Set(['cluster.local']),
      onTunnel: (tunnel) => {
        this.tunnels += 1;
        this.behaviour(tunnel, this);
      },
    });
    this.#fd = openTcpListener({ address: { ip, port: 15008 } });
    reactor.adopt(this.#fd);
    this.#listener = new Listener(reactor, this.#fd, {
      onAccept: (fd, peer) => {
        this.server.accept(fd, peer);
      },
    });
  }

  /** Nothing listens there any more; what is open stays. */
  closePort(): void {
    this.#listener.stop();
    this.#reactor.close(this.#fd);
  }
}
