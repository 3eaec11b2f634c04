import type { Clock } from '@ambit/core/clock';
import type { Drainable } from '@ambit/core/drain';
import { messageOf } from '@ambit/core/errors';
import type { ApiServer } from './api-server.ts';
import type {
  ApplyOptions,
  DeleteOptions,
  KubeClientOptions,
  PostOptions,
  RequestLimits,
  Selection,
  WriteOptions,
} from './client-options.ts';
import { KubeError } from './kube-error.ts';
import { isFields, keptObject } from './kube-object.ts';
import { REQUEST_TIMEOUT_MS, RESPONSE_MAX_BYTES, WATCH_LONGEST_MS, WATCH_SHORTEST_MS } from './limits.ts';
import { listInPages, versionOfList } from './list-pages.ts';
import { Pause } from './pause.ts';
import { uniform } from './random.ts';
import { RepeatedRequest } from './repeated-request.ts';
import type { KubeObject, Resource } from './resource.ts';
import { collectionPath, type ResourceTarget, resourcePath, resourceText } from './resource-path.ts';
import { unreachable, unusableAnswer } from './status-error.ts';
import { type Call, Transport } from './transport.ts';
import { Watch, type WatchHandlers } from './watch.ts';

export { KubeError };

interface Request {
  readonly verb: string;
  readonly resource: Resource;
  readonly target: ResourceTarget;
  readonly method: Call['method'];
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly body?: { readonly type: string; readonly value: object };
  /** False when a second time would do something else than the first. */
  readonly repeatable: boolean;
  readonly limits: RequestLimits;
}

const JSON_TYPE = 'application/json';

/**
 * Requests to one API server. Every method rejects with `KubeError`. What is safe to repeat is repeated, up to 4 times
 * in all: after a lost connection and a 429 or 5xx with `Retry-After`; creation only when the API server cannot have seen it.
 */
export class KubeClient implements Drainable {
  readonly #server: ApiServer;
  readonly #transport: Transport;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #timeout: number;
  readonly #requests: RepeatedRequest;
  readonly #pause: Pause;
  readonly #cut = new AbortController();
  readonly #underWay = new Set<Promise<unknown>>();
  readonly #watches = new Set<Watch>();
  #closed = false;

  /** Throws `AMBIT_KUBE_CONFIG` when credentials would travel in clear. */
  constructor(server: ApiServer, options: KubeClientOptions) {
    const { clock, requestTimeout = REQUEST_TIMEOUT_MS, random = uniform } = options;
    this.#server = server;
    this.#clock = clock;
    this.#random = random;
    this.#timeout = requestTimeout;
    this.#pause = new Pause(clock);
    this.#transport = new Transport(server, options);
    this.#requests = new RepeatedRequest({
      server,
      transport: this.#transport,
      pause: this.#pause,
      random,
      signal: this.#cut.signal,
    });
  }

  async get<T extends KubeObject>(
    resource: Resource<T['kind']>,
    name: string,
    namespace?: string,
    limits: RequestLimits = {},
  ): Promise<T> {
    const target = { name, namespace };
    return this.#object<T>({ verb: 'get', resource, target, method: 'GET', repeatable: true, limits });
  }

  /** All objects of the selection, of one moment: the resourceVersion is the one to watch from. */
  async list<T extends KubeObject>(
    resource: Resource<T['kind']>,
    selection: Selection = {},
    limits: RequestLimits = {},
  ): Promise<{ items: T[]; resourceVersion: string }> {
    const { namespace, labelSelector, fieldSelector } = selection;
    const target = { namespace };
    const action = `list ${resourceText(resource, target)}`;
    const list = await listInPages(resource, action, ({ limit, continued }) => {
      const query = { limit: String(limit), continue: continued, labelSelector, fieldSelector };
      return this.#answer({ verb: 'list', resource, target, method: 'GET', query, repeatable: true, limits });
    });
    return { items: list.items as T[], resourceVersion: list.resourceVersion };
  }

  /**
   * The resourceVersion of the moment, as `list` of the same selection gives it, at the cost of one object. Who may list
   * one object by name alone is allowed no more than that.
   */
  async latestVersion(resource: Resource, selection: Selection = {}, limits: RequestLimits = {}): Promise<string> {
    const { namespace, labelSelector, fieldSelector } = selection;
    const target = { namespace };
    const query = { limit: '1', labelSelector, fieldSelector };
    const request = { verb: 'list', resource, target, method: 'GET', query, repeatable: true, limits } as const;
    return versionOfList(actionOf(request), await this.#answer(request));
  }

  async create<T extends KubeObject>(resource: Resource<T['kind']>, object: T, limits: RequestLimits = {}): Promise<T> {
    const target = { namespace: object.metadata.namespace };
    const body = { type: JSON_TYPE, value: object };
    return this.#object<T>({ verb: 'create', resource, target, method: 'POST', body, repeatable: false, limits });
  }

  /** With `metadata.resourceVersion` an object that has changed meanwhile fails with `AMBIT_KUBE_CONFLICT`. */
  async replace<T extends KubeObject>(
    resource: Resource<T['kind']>,
    object: T,
    options: WriteOptions = {},
  ): Promise<T> {
    const { name, namespace } = object.metadata;
    const target = { name, namespace, subresource: options.subresource };
    const body = { type: JSON_TYPE, value: object };
    return this.#object<T>({
      verb: 'update',
      resource,
      target,
      method: 'PUT',
      body,
      repeatable: true,
      limits: options,
    });
  }

  /** Server-side apply: the fields of `object`, and only they, become those of `fieldManager`. */
  async apply<T extends KubeObject>(resource: Resource<T['kind']>, object: T, options: ApplyOptions): Promise<T> {
    const { fieldManager, force = false, subresource } = options;
    const { name, namespace } = object.metadata;
    return this.#object<T>({
      verb: 'apply',
      resource,
      target: { name, namespace, subresource },
      method: 'PATCH',
      query: { fieldManager, force: String(force) },
      // JSON is YAML.
      body: { type: 'application/apply-patch+yaml', value: object },
      repeatable: true,
      limits: options,
    });
  }

  /** JSON merge patch (RFC 7396): null removes a field. */
  async mergePatch<T extends KubeObject>(
    resource: Resource<T['kind']>,
    name: string,
    namespace: string | undefined,
    patch: object,
    options: RequestLimits & { readonly subresource?: 'status' } = {},
  ): Promise<T> {
    const target = { name, namespace, subresource: options.subresource };
    const body = { type: 'application/merge-patch+json', value: patch };
    return this.#object<T>({
      verb: 'patch',
      resource,
      target,
      method: 'PATCH',
      body,
      repeatable: true,
      limits: options,
    });
  }

  /** False: it was not there, or no more because an attempt whose answer was lost has deleted it. */
  async delete(resource: Resource, name: string, namespace?: string, options: DeleteOptions = {}): Promise<boolean> {
    const { uid, propagation } = options;
    const value = {
      ...(uid === undefined ? {} : { preconditions: { uid } }),
      ...(propagation === undefined ? {} : { propagationPolicy: propagation }),
    };
    const target = { name, namespace };
    const body = { type: JSON_TYPE, value };
    try {
      await this.#answer({
        verb: 'delete',
        resource,
        target,
        method: 'DELETE',
        body,
        repeatable: true,
        limits: options,
      });
      return true;
    } catch (error) {
      if (error instanceof KubeError && error.status === 404) return false;
      throw error;
    }
  }

  /** Posts to a path that is no collection, such as `/apis/authentication.k8s.io/v1/tokenreviews`; the answer has the shape of what is sent. */
  async post<T extends object>(path: string, body: Partial<T>, options: PostOptions = {}): Promise<T> {
    const action = `post to ${path}`;
    const call = {
      method: 'POST',
      path,
      body: { type: JSON_TYPE, content: encode(body) },
      connection: 'shared',
    } as const;
    return (await this.#send(call, { action, repeatable: options.repeatable ?? false, limits: options })) as T;
  }

  /**
   * Watches a selection from a resourceVersion on, until the API server ends it after 5 to 10 minutes or it breaks.
   * Returns what cuts it.
   */
  watch(
    resource: Resource,
    { resourceVersion, ...selection }: Selection & { readonly resourceVersion: string },
    handlers: WatchHandlers,
  ): { destroy: () => void } {
    const { namespace, labelSelector, fieldSelector } = selection;
    const action = `watch ${resourceText(resource, { namespace })}`;
    if (this.#closed) throw closedError(action);
    const timeout = WATCH_SHORTEST_MS + this.#random() * (WATCH_LONGEST_MS - WATCH_SHORTEST_MS);
    const query = {
      watch: 'true',
      allowWatchBookmarks: 'true',
      resourceVersion,
      timeoutSeconds: String(Math.round(timeout / 1_000)),
      labelSelector,
      fieldSelector,
    };
    const watch = new Watch({
      ...handlers,
      transport: this.#transport,
      clock: this.#clock,
      resource,
      path: resourcePath(resource, { namespace }) + queryText(query),
      token: this.#server.token?.(),
      action,
      openTimeout: this.#timeout,
      onEnd: (error) => {
        this.#watches.delete(watch);
        handlers.onEnd(error);
      },
    });
    this.#watches.add(watch);
    return {
      destroy: () => {
        this.#watches.delete(watch);
        watch.destroy();
      },
    };
  }

  /** Takes no new requests, cuts the watches, and waits for the requests under way. */
  async close({ deadline }: { deadline: number }): Promise<void> {
    this.#closed = true;
    for (const watch of this.#watches) watch.destroy();
    this.#watches.clear();
    const late = this.#clock.setTimeout(() => this.destroy(), deadline);
    while (this.#underWay.size > 0) await Promise.allSettled(this.#underWay);
    late.cancel();
    this.destroy();
  }

  /** Cuts everything; requests under way reject with `AMBIT_KUBE_UNREACHABLE`. */
  destroy(error?: Error): void {
    this.#closed = true;
    this.#cut.abort(error ?? new Error('the client is closed'));
    this.#pause.end();
    for (const watch of this.#watches) watch.destroy();
    this.#watches.clear();
    this.#transport.close();
  }

  async #object<T extends KubeObject>(request: Request): Promise<T> {
    const object = keptObject(await this.#answer(request), request.resource);
    if (object !== undefined) return object as T;
    throw unusableAnswer(actionOf(request), 'MalformedResponse', 'the answer is no object with a name');
  }

  async #answer(request: Request): Promise<unknown> {
    const { method, resource, target, query, body, repeatable, limits } = request;
    const base = method === 'POST' ? collectionPath(resource, target.namespace) : resourcePath(resource, target);
    const path = base + queryText(query ?? {});
    const content = body === undefined ? undefined : { type: body.type, content: encode(body.value) };
    const call = { method, path, body: content, connection: 'shared' } as const;
    return this.#send(call, { action: actionOf(request), repeatable, limits });
  }

  async #send(
    call: Omit<Call, 'token'>,
    { action, repeatable, limits }: { action: string; repeatable: boolean; limits: RequestLimits },
  ): Promise<unknown> {
    if (this.#closed) throw closedError(action);
    const { timeout = this.#timeout, attempts } = limits;
    const sending = this.#requests.send(call, { action, repeatable, timeout, attempts, maxBytes: RESPONSE_MAX_BYTES });
    this.#underWay.add(sending);
    try {
      return parse(action, await sending);
    } finally {
      this.#underWay.delete(sending);
    }
  }
}

function actionOf({ verb, resource, target }: Request): string {
  return `${verb} ${resourceText(resource, target)}`;
}

function queryText(query: Readonly<Record<string, string | undefined>>): string {
  const set = Object.entries(query).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return set.length === 0 ? '' : `?${new URLSearchParams(set).toString()}`;
}

function encode(value: object): Buffer {
  return Buffer.from(JSON.stringify(value));
}

function parse(action: string, body: Buffer): object {
  try {
    const value: unknown = JSON.parse(body.toString('utf8'));
    if (isFields(value)) return value;
    throw new Error('it is no object');
  } catch (error) {
    throw unusableAnswer(action, 'MalformedResponse', `the answer is no JSON object: ${messageOf(error)}`);
  }
}

function closedError(action: string): KubeError {
  return unreachable(action, 'Closed', 'the client is closed');
}
