import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createSecureServer, type Http2ServerRequest } from 'node:http2';
import { createServer as createHttpsServer } from 'node:https';
import { type AddressInfo, createServer, type Server as NetServer, type Socket } from 'node:net';
import { connect } from 'node:net';
import { createServer as createTlsServer, type TLSSocket, type TlsOptions } from 'node:tls';
import type { TestIdentity } from '@ambit/native/test-certificates';
import type { UpstreamTls } from '@ambit/traffic/model/served-service';
import { Raw } from './test-application.ts';
import type { EndpointBehaviour } from './test-endpoint.ts';
import { root } from './test-identities.ts';
import type { TestWaypoint } from './test-waypoint.ts';

// Servers outside of the mesh, of the runtime's own TLS and HTTP, on the same thread as the waypoint's loop.

/** Lets the waypoint's loop and the runtime's own take turns. */
export async function until(bed: TestWaypoint, condition: () => boolean): Promise<void> {
  const end = performance.now() + 5000;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`not so: ${condition.toString()}`);
    bed.reactor.runTurn(1);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** What the waypoint is told of TLS: the test's root is trusted, unless told otherwise. */
export function tls(fields: Partial<UpstreamTls> = {}): UpstreamTls {
  return {
    serverName: '',
    acceptedNames: [],
    trust: { kind: 'ca', pem: root.certificatePem },
    crlPem: '',
    clientCertificate: '',
    ...fields,
  };
}

export interface OutsideRequest {
  readonly version: string;
  readonly serverName: string | false | null;
  /** URIs of the client certificate. */
  readonly client: string | undefined;
}

/** Answers requests over TLS with `answer` (default `hello`), HTTP/2 where the client offers it and `http2` is not false. */
export function secureServer(
  identity: TestIdentity,
  options: TlsOptions & { readonly http2?: boolean; readonly answer?: string } = {},
): { readonly listener: NetServer; readonly seen: OutsideRequest[] } {
  const seen: OutsideRequest[] = [];
  const own = { ...options, cert: identity.certificatePem, key: identity.privateKeyPem };
  const listener: NetServer =
    options.http2 === false ? createHttpsServer(own) : createSecureServer({ ...own, allowHTTP1: true });
  listener.on('secureConnection', (socket: TLSSocket) => {
    socket.on('error', () => undefined);
  });
  listener.on('request', (request: Http2ServerRequest | IncomingMessage, response: ServerResponse) => {
    const { socket } = request as { readonly socket: TLSSocket };
    const client = socket.getPeerX509Certificate()?.subjectAltName;
    seen.push({ version: request.httpVersion, serverName: socket.servername, client });
    response.end(options.answer ?? 'hello');
  });
  // Clients that refuse its certificate are what tests are about.
  listener.on('sessionError', () => undefined);
  return { listener, seen };
}

/** Echoes bytes over TLS. */
export function secureEcho(identity: TestIdentity): NetServer {
  const listener = createTlsServer({ cert: identity.certificatePem, key: identity.privateKeyPem }, (socket) => {
    socket.pipe(socket);
    socket.on('error', () => undefined);
  });
  listener.on('tlsClientError', () => undefined);
  return listener;
}

/** Answers the first bytes with a text, and then closes the connection without a word of TLS. */
export function cuttingServer(identity: TestIdentity, text: string): NetServer {
  return createServer((connection) => {
    const secure = createTlsServer({ cert: identity.certificatePem, key: identity.privateKeyPem }, (socket) => {
      socket.once('data', () => {
        socket.write(text, () => setTimeout(() => connection.destroy(), 20));
      });
      socket.on('error', () => undefined);
    });
    secure.emit('connection', connection);
  });
}

/** Keeps the first `length` octets of every connection, then hands it to `behind`, or answers them in the clear. */
export function prefixed(length: number, heads: Buffer[], behind?: NetServer): NetServer {
  return createServer((socket) => {
    const take = (): void => {
      const head = socket.read(length) as Buffer | null;
      if (head === null) return;
      socket.off('readable', take);
      heads.push(head);
      if (behind === undefined) socket.pipe(socket);
      else behind.emit('connection', socket);
    };
    socket.on('readable', take);
    socket.on('error', () => undefined);
  });
}

/** The endpoint is no part of the mesh: `listener` stands at its address and port. */
export async function outside(bed: TestWaypoint, name: string, listener: NetServer): Promise<void> {
  const { uid, ip } = bed.endpoint(name);
  const model = bed.thread.store.workloads.byUid(uid)?.model;
  if (model === undefined) throw new Error(`no workload ${name}`);
  bed.tellWorkloads({ ...model, protocol: 'tcp' });
  listener.listen(8080, ip);
  await once(listener, 'listening');
}

/** A pod in the mesh whose application is `listener`, on a port of its own. */
export async function inside(listener: NetServer): Promise<EndpointBehaviour> {
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address() as AddressInfo;
  return (tunnel) => {
    const socket = connect(port, '127.0.0.1');
    const pod = new PodSide(socket);
    pod.endpoint = tunnel.open([], pod);
    socket.on('data', (bytes) => {
      pod.write(bytes.toString('latin1'));
    });
    socket.on('error', () => undefined);
  };
}

class PodSide extends Raw {
  readonly #socket: Socket;

  constructor(socket: Socket) {
    super();
    this.#socket = socket;
  }

  override onBytes(bytes: Buffer, _address: number, start: number, end: number): void {
    this.#socket.write(Buffer.from(bytes.subarray(start, end)));
  }
}
