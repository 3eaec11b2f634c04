/** As much of an API server as the agent asks for, over HTTP on loopback. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

interface Stored {
  readonly apiVersion: string;
  readonly kind: string;
  metadata: Record<string, unknown> & { name: string; namespace?: string; resourceVersion?: string };
  [field: string]: unknown;
}

interface Collection {
  readonly path: RegExp;
  readonly kind: string;
  readonly apiVersion: string;
}

const COLLECTIONS: readonly Collection[] = [
  { path: /^\/api\/v1\/namespaces$/, kind: 'Namespace', apiVersion: 'v1' },
  { path: /^\/api\/v1\/pods$/, kind: 'Pod', apiVersion: 'v1' },
  { path: /^\/apis\/apps\/v1\/namespaces\/[^/]+\/daemonsets$/, kind: 'DaemonSet', apiVersion: 'apps/v1' },
];

export class TestApi {
  /** Messages of the events that were written. */
  readonly events: string[] = [];
  readonly #objects = new Map<string, Stored>();
  readonly #watches = new Map<ServerResponse, string>();
  #server: Server | undefined;
  #port = 0;
  #version = 1;

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  async start(): Promise<void> {
    const server = createServer((request, response) => this.#serve(request, response));
    this.#server = server;
    await new Promise<void>((resolve) => server.listen(this.#port, '127.0.0.1', resolve));
    this.#port = (server.address() as AddressInfo).port;
  }

  /** As if its process ended; `start` brings it back with all it knew. */
  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#server?.close(resolve));
    this.#server?.closeAllConnections();
    await closed;
  }

  put(kind: string, metadata: Stored['metadata'], fields: Record<string, unknown> = {}): void {
    const before = this.get(kind, metadata.name, metadata.namespace);
    const apiVersion = COLLECTIONS.find((each) => each.kind === kind)?.apiVersion ?? 'v1';
    this.#version += 1;
    const merged = {
      uid: `uid-${metadata.name}`,
      ...before?.metadata,
      ...metadata,
      resourceVersion: String(this.#version),
    };
    const object: Stored = { apiVersion, kind, ...before, ...fields, metadata: merged };
    this.#objects.set(keyOf(kind, metadata.name, metadata.namespace), object);
    this.#tell(before === undefined ? 'ADDED' : 'MODIFIED', object);
  }

  remove(kind: string, name: string, namespace?: string): void {
    const object = this.get(kind, name, namespace);
    this.#objects.delete(keyOf(kind, name, namespace));
    this.#version += 1;
    if (object !== undefined)
      this.#tell('DELETED', { ...object, metadata: { ...object.metadata, resourceVersion: String(this.#version) } });
  }

  get(kind: string, name: string, namespace?: string): Stored | undefined {
    return this.#objects.get(keyOf(kind, name, namespace));
  }

  annotation(pod: string, name = 'ambient.istio.io/redirection'): unknown {
    const [namespace = '', podName = ''] = pod.split('/');
    return (this.get('Pod', podName, namespace)?.metadata.annotations as Record<string, unknown> | undefined)?.[name];
  }

  #tell(type: string, object: Stored): void {
    for (const [response, kind] of this.#watches)
      if (kind === object.kind) response.write(`${JSON.stringify({ type, object })}\n`);
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const chunks: Buffer[] = [];
    request.on('error', () => undefined);
    response.on('error', () => undefined);
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => this.#answer(request, response, Buffer.concat(chunks).toString()));
  }

  #answer({ method, url }: IncomingMessage, response: ServerResponse, body: string): void {
    const { pathname, searchParams } = new URL(url ?? '/', this.url);
    const collection = COLLECTIONS.find(({ path }) => path.test(pathname));
    if (collection !== undefined && searchParams.get('watch') === 'true')
      this.#watch(collection, Number(searchParams.get('resourceVersion')), response);
    else if (collection !== undefined) this.#list(collection, response);
    else if (pathname.endsWith('/events')) this.#event(response, body);
    else if (method === 'PATCH') this.#patch(pathname, response, body);
    else this.#one(pathname, response);
  }

  #list({ apiVersion, kind }: Collection, response: ServerResponse): void {
    const items = [...this.#objects.values()].filter((object) => object.kind === kind);
    send(response, 200, {
      apiVersion,
      kind: `${kind}List`,
      metadata: { resourceVersion: String(this.#version) },
      items,
    });
  }

  #watch({ kind }: Collection, from: number, response: ServerResponse): void {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    // What changed since the list; deletions of that moment are not needed here.
    for (const object of this.#objects.values())
      if (object.kind === kind && Number(object.metadata.resourceVersion) > from)
        response.write(`${JSON.stringify({ type: 'MODIFIED', object })}\n`);
    this.#watches.set(response, kind);
    response.on('close', () => this.#watches.delete(response));
  }

  #event(response: ServerResponse, body: string): void {
    const event = JSON.parse(body) as { note?: string };
    this.events.push(event.note ?? '');
    send(response, 201, event);
  }

  #patch(path: string, response: ServerResponse, body: string): void {
    const [, namespace = '', name = ''] = /\/namespaces\/([^/]+)\/pods\/([^/]+)\/status$/.exec(path) ?? [];
    const object = this.get('Pod', name, namespace);
    const { metadata } = JSON.parse(body) as { metadata: { uid?: string; annotations: Record<string, string | null> } };
    if (object === undefined) return send(response, 404, status(404, 'NotFound'));
    if (metadata.uid !== undefined && metadata.uid !== object.metadata.uid)
      return send(response, 409, status(409, 'Conflict'));
    const all = {
      ...(object.metadata.annotations as Record<string, string | null> | undefined),
      ...metadata.annotations,
    };
    const annotations = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== null));
    this.put('Pod', { ...object.metadata, annotations });
    send(response, 200, this.get('Pod', name, namespace) ?? {});
  }

  #one(path: string, response: ServerResponse): void {
    const [, namespace = '', name = ''] = /\/namespaces\/([^/]+)\/pods\/([^/]+)$/.exec(path) ?? [];
    const object = this.get('Pod', name, namespace);
    if (object === undefined) send(response, 404, status(404, 'NotFound'));
    else send(response, 200, object);
  }
}

function keyOf(kind: string, name: string, namespace = ''): string {
  return `${kind}/${namespace}/${name}`;
}

function status(code: number, reason: string): object {
  return { kind: 'Status', apiVersion: 'v1', status: 'Failure', code, reason, message: reason };
}

function send(response: ServerResponse, code: number, body: object): void {
  response.writeHead(code, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}
