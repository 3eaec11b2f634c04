import type { IncomingMessage, ServerResponse } from 'node:http';
import { sendJson, sendStatus, TestApiServer } from '@ambit/kube/test-api-server';
import type { TokenReview } from './ca/token-review-object.ts';

export interface StoredObject {
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly [field: string]: unknown };
  readonly [field: string]: unknown;
}

interface HeldList {
  readonly response: ServerResponse;
  readonly objects: () => StoredObject[];
}

interface OpenWatch {
  readonly collection: string;
  readonly isSelected: (object: StoredObject) => boolean;
  readonly response: ServerResponse;
}

interface WatchEvent {
  readonly collection: string;
  readonly type: string;
  readonly object: StoredObject;
  readonly version: number;
}

/** `/api/v1/namespaces/shop/pods/web/status` in its parts; a collection is group, version and plural. */
const PATH = /^(\/api\/v1|\/apis\/[^/]+\/[^/]+)(?:\/namespaces\/([^/]+)(?=\/))?\/([^/]+)(?:\/([^/]+))?(?:\/(status))?$/;

/** An API server in memory, on loopback: stores what it is told, lists, watches, and reviews tokens as a test says. */
export class TestKubernetes {
  readonly server: TestApiServer;
  /** Plurals of kinds that are not installed. */
  readonly absent: Set<string> = new Set();
  /** Collections, `/apis/group/version/plural`, that are not served while the kind is in other versions. */
  readonly absentIn: Set<string> = new Set();
  /** Plurals of kinds whose lists are not answered yet. */
  readonly held: Map<string, HeldList[]> = new Map();
  /** Why an object may not be created; undefined: it may. Webhooks in place of it. */
  admit: (collection: string, object: StoredObject) => Promise<string | undefined> = () => Promise.resolve(undefined);
  /** What a TokenReview is answered. */
  review: (token: string) => TokenReview['status'] = () => ({ authenticated: false });
  readonly #objects = new Map<string, Map<string, StoredObject>>();
  readonly #watches = new Set<OpenWatch>();
  readonly #history: WatchEvent[] = [];
  #version = 1;

  private constructor(server: TestApiServer) {
    this.server = server;
    server.reply = (request, response, body) => this.#answer(request, response, body);
  }

  static async start(): Promise<TestKubernetes> {
    return new TestKubernetes(await TestApiServer.start());
  }

  /** A kubeconfig that leads here. */
  get kubeconfig(): string {
    const server = this.server.apiServer.url.href;
    return JSON.stringify({
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'test',
      contexts: [{ name: 'test', context: { cluster: 'test' } }],
      clusters: [{ name: 'test', cluster: { server } }],
    });
  }

  /** `collection` is `/api/v1/pods`. */
  get(collection: string, name: string): StoredObject | undefined {
    return this.#objects.get(collection)?.get(name);
  }

  put(collection: string, object: StoredObject): StoredObject {
    const key = keyOf(object);
    const known = this.#objects.get(collection) ?? new Map<string, StoredObject>();
    this.#objects.set(collection, known);
    const before = known.get(key);
    const uid = before?.metadata['uid'] ?? object.metadata['uid'] ?? `uid-${object.metadata.name}`;
    const stored = { ...object, metadata: { generation: 1, ...object.metadata, uid, resourceVersion: this.#next() } };
    known.set(key, stored);
    this.#tell(collection, before === undefined ? 'ADDED' : 'MODIFIED', stored);
    return stored;
  }

  remove(collection: string, name: string): void {
    const object = this.#objects.get(collection)?.get(name);
    if (object === undefined) return;
    this.#objects.get(collection)?.delete(name);
    const metadata = { ...object.metadata, resourceVersion: this.#next() };
    this.#tell(collection, 'DELETED', { ...object, metadata });
  }

  /** Answers what was held. */
  release(plural: string): void {
    const waiting = this.held.get(plural) ?? [];
    this.held.delete(plural);
    for (const { response, objects } of waiting) sendJson(response, this.#list(objects()));
  }

  #next(): string {
    return String(++this.#version);
  }

  #answer(request: IncomingMessage, response: ServerResponse, body: string): void {
    const url = new URL(request.url ?? '/', 'http://server');
    if (url.pathname === '/apis/authentication.k8s.io/v1/tokenreviews') {
      const review = JSON.parse(body) as TokenReview;
      sendJson(response, { ...review, status: this.review(review.spec.token) }, 201);
      return;
    }
    const [, group = '', namespace = '', plural = '', name] = PATH.exec(url.pathname) ?? [];
    if (this.absent.has(plural) || this.absentIn.has(`${group}/${plural}`)) {
      sendStatus(response, 404, 'NotFound', 'the server could not find the requested resource');
      return;
    }
    const collection = `${group}/${plural}`;
    if (request.method === 'GET' && name === undefined)
      this.#read(collection, plural, namespace, url.searchParams, response);
    else if (request.method === 'POST') void this.#create({ collection, namespace, body, url }, response);
    else this.#single({ method: request.method ?? '', collection, namespace, name, body }, response);
  }

  #read(collection: string, plural: string, namespace: string, query: URLSearchParams, response: ServerResponse): void {
    const isSelected = selection(namespace, query.get('fieldSelector') ?? '', query.get('labelSelector') ?? '');
    if (query.get('watch') === 'true') {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.flushHeaders();
      const watch = { collection, isSelected, response };
      const from = Number(query.get('resourceVersion'));
      for (const event of this.#history) if (event.version > from) send(watch, event);
      this.#watches.add(watch);
      response.on('close', () => this.#watches.delete(watch));
      return;
    }
    const objects = (): StoredObject[] =>
      [...(this.#objects.get(collection)?.values() ?? [])].filter((object) => isSelected(object));
    const held = this.held.get(plural);
    if (held === undefined) sendJson(response, this.#list(objects()));
    else held.push({ response, objects });
  }

  async #create(
    call: { collection: string; namespace: string; body: string; url: URL },
    response: ServerResponse,
  ): Promise<void> {
    const { collection, namespace, body, url } = call;
    const object = JSON.parse(body) as StoredObject;
    const refusal = await this.admit(collection, object);
    if (refusal !== undefined) sendStatus(response, 422, 'Invalid', refusal);
    else if (url.searchParams.get('dryRun') === 'All') sendJson(response, object, 201);
    else this.#single({ method: 'POST', collection, namespace, name: undefined, body }, response);
  }

  #single(
    call: { method: string; collection: string; namespace: string; name: string | undefined; body: string },
    response: ServerResponse,
  ): void {
    const { method, collection, namespace, body } = call;
    const sent = body === '' ? undefined : (JSON.parse(body) as StoredObject);
    const name = call.name ?? sent?.metadata.name ?? '';
    const key = namespace === '' ? name : `${namespace}/${name}`;
    const known = this.get(collection, key);
    if (method === 'DELETE') {
      this.remove(collection, key);
      if (known === undefined) sendStatus(response, 404, 'NotFound', `${key} is not there`);
      else sendJson(response, known);
    } else if (method === 'POST' && known !== undefined) sendStatus(response, 409, 'AlreadyExists', `${key} is there`);
    else if (method === 'GET' && known === undefined) sendStatus(response, 404, 'NotFound', `${key} is not there`);
    else if (sent === undefined) sendJson(response, known);
    else if (method === 'PUT' && sent.metadata['resourceVersion'] !== known?.metadata['resourceVersion'])
      sendStatus(response, 409, 'Conflict', `${key} has been modified`);
    else if (known === undefined && sent.metadata['uid'] !== undefined)
      sendStatus(response, 409, 'Conflict', `${key} of that uid is not there`);
    else {
      // Enough of an apply: what is sent replaces the fields of its name.
      const metadata = { ...known?.metadata, ...sent.metadata, ...(namespace === '' ? {} : { namespace }) };
      const lists = 'webhooks' in sent ? { webhooks: mergedByName(known?.['webhooks'], sent['webhooks']) } : {};
      sendJson(response, this.put(collection, { ...known, ...sent, ...lists, metadata }));
    }
  }

  #list(items: readonly StoredObject[]): object {
    return { kind: 'List', apiVersion: 'v1', metadata: { resourceVersion: String(this.#version) }, items };
  }

  #tell(collection: string, type: string, object: StoredObject): void {
    const event = { collection, type, object, version: this.#version };
    this.#history.push(event);
    for (const watch of this.#watches) send(watch, event);
  }
}

function send(watch: OpenWatch, { collection, type, object }: WatchEvent): void {
  if (watch.collection !== collection || !watch.isSelected(object)) return;
  watch.response.write(`${JSON.stringify({ type, object })}\n`);
}

/** As a server-side apply merges a list of type map, and one level of objects in its items. */
function mergedByName(known: unknown, sent: unknown): unknown {
  const byName = new Map(
    ((known ?? []) as { name: string }[]).map((item) => [item.name, item as Record<string, unknown>]),
  );
  for (const item of sent as ({ name: string } & Record<string, unknown>)[]) {
    const before = byName.get(item.name) ?? {};
    const inner = (field: string): object => before[field] ?? {};
    const fields = Object.entries(item).map(([field, value]) => [
      field,
      typeof value === 'object' && !Array.isArray(value) ? { ...inner(field), ...value } : value,
    ]);
    byName.set(item.name, { ...before, ...(Object.fromEntries(fields) as object) });
  }
  return [...byName.values()];
}

function keyOf({ metadata: { namespace, name } }: StoredObject): string {
  return namespace === undefined || namespace === '' ? name : `${namespace}/${name}`;
}

function selection(namespace: string, field: string, label: string): (object: StoredObject) => boolean {
  const [, name] = /^metadata\.name=(.*)$/.exec(field) ?? [];
  const [key = '', value] = label.split('=');
  return ({ metadata }) =>
    (namespace === '' || metadata.namespace === namespace) &&
    (name === undefined || metadata.name === name) &&
    (key === '' || (metadata['labels'] as Record<string, string> | undefined)?.[key] === value);
}
