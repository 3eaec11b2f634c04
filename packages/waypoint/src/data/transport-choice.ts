import { formatSocketAddress, type SocketAddress } from '@ambit/core/address';
import { proxyHeader } from '@ambit/core/proxy-protocol';
import { type FieldList, fieldValue } from '@ambit/http/h2/message-fields';
import type { Cluster, UpstreamTls } from '@ambit/traffic/model/served-service';
import { hostOf } from '@ambit/traffic/request/authority';
import { digest, type UpstreamTlsContexts } from './upstream-tls.ts';

/** For whom a connection to an endpoint is wanted. */
export interface DiallingClient {
  readonly address: SocketAddress;
  /** By the client. */
  readonly dialled: SocketAddress;
}

/** What goes between a connection to an endpoint and those who speak on it. */
export interface EndpointTransport {
  /** Connections of one key may stand in for each other. */
  readonly key: string;
  /** Of all transports of one version of a cluster. */
  readonly group: string;
  readonly proxyHeader: Buffer | undefined;
  readonly tls: { readonly settings: UpstreamTls; readonly serverName: string } | undefined;
  /** Endpoints must speak HTTP/2. */
  readonly http2Only: boolean;
}

/** How the endpoints of one cluster are reached beyond a tunnel or TCP. Made for clusters that ask for more than that. */
export class TransportChoice {
  readonly #cluster: Cluster;
  readonly #contexts: UpstreamTlsContexts;
  readonly #digest: string;
  /** The last transport: requests of one client to one host come in a row. */
  #last: { readonly key: string; readonly transport: EndpointTransport } | undefined;

  constructor(cluster: Cluster, contexts: UpstreamTlsContexts) {
    this.#cluster = cluster;
    this.#contexts = contexts;
    this.#digest = digest([cluster.protocol, cluster.upstreamTls, cluster.proxyProtocol]);
  }

  /** `head`: of the request as it is sent on; undefined of a connection whose bytes are not looked at. */
  for({ address: client, dialled }: DiallingClient, head: FieldList | undefined): EndpointTransport {
    const { upstreamTls, proxyProtocol, hostname, protocol } = this.#cluster;
    const serverName = upstreamTls === null ? '' : serverNameOf(upstreamTls, head, hostname);
    const shown = proxyProtocol === 'none' ? '' : `${formatSocketAddress(client)} ${formatSocketAddress(dialled)}`;
    const group = `${this.#digest} ${upstreamTls === null ? '' : this.#contexts.versionOf(upstreamTls)}`;
    const key = `${group} ${serverName} ${shown}`;
    if (this.#last?.key === key) return this.#last.transport;
    const transport: EndpointTransport = {
      key,
      group,
      proxyHeader: proxyProtocol === 'none' ? undefined : proxyHeader(proxyProtocol, client, dialled),
      tls: upstreamTls === null ? undefined : { settings: upstreamTls, serverName },
      http2Only: protocol === 'http2',
    };
    this.#last = { key, transport };
    return transport;
  }
}

function serverNameOf({ serverName }: UpstreamTls, head: FieldList | undefined, hostname: string): string {
  if (serverName !== '') return serverName;
  const authority = head === undefined ? undefined : fieldValue(head, ':authority');
  const host = authority === undefined ? hostname : hostOf(authority).toLowerCase();
  // An IPv6 address stands in brackets; a name may end with the dot of the root. One that began with a dot would be fitted by
  // every name below it, and none at all by everything.
  const name = host.replace(/^\[(.*)\]$/, '$1').replace(/^\.+|\.$/g, '');
  return name === '' ? hostname : name;
}
