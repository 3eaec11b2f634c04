/** The pods of a small make-believe cluster with lists, watches and a history, for tests of whoever follows them. */
import type { ServerResponse } from 'node:http';
import type { KubeObject } from './resource.ts';
import { type Reply, sendJson, sendStatus } from './test-api-server.ts';

interface Entry {
  readonly type: 'ADDED' | 'DELETED' | 'MODIFIED';
  readonly object: KubeObject;
  readonly version: number;
}

export class TestClusterState {
  version = 100;
  /** Watches from before this version are answered 410. */
  compacted = 0;
  readonly watches: Set<ServerResponse> = new Set();
  readonly #pods = new Map<string, KubeObject>();
  #history: Entry[] = [];
  #uid = 0;

  /** Creates or changes a pod. */
  put(name: string, labels: Record<string, string> = {}): KubeObject {
    const before = this.#pods.get(name);
    this.version += 1;
    this.#uid += before === undefined ? 1 : 0;
    const object: KubeObject = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        name,
        namespace: 'shop',
        uid: before?.metadata.uid ?? `uid-${this.#uid}`,
        resourceVersion: String(this.version),
        labels,
      },
    };
    this.#pods.set(name, object);
    this.#tell({ type: before === undefined ? 'ADDED' : 'MODIFIED', object, version: this.version });
    return object;
  }

  remove(name: string): void {
    const before = this.#pods.get(name);
    if (before === undefined) return;
    this.version += 1;
    this.#pods.delete(name);
    const object = { ...before, metadata: { ...before.metadata, resourceVersion: String(this.version) } };
    this.#tell({ type: 'DELETED', object, version: this.version });
  }

  /** Name to resourceVersion. */
  get pods(): Record<string, string> {
    return Object.fromEntries([...this.#pods].map(([name, pod]) => [name, pod.metadata.resourceVersion ?? '']));
  }

  /** Forgets the history up to now, as the API server's store does every few minutes. */
  compact(): void {
    this.version += 1;
    this.compacted = this.version;
    this.#history = [];
  }

  /** Forgets the history, and says nothing of it to those who ask for it. */
  forget(): void {
    this.#history = [];
  }

  bookmark(): void {
    for (const watch of this.watches)
      this.send(watch, 'BOOKMARK', { kind: 'Pod', metadata: { resourceVersion: String(this.version) } });
  }

  endWatches(): void {
    for (const watch of this.watches) watch.end();
    this.watches.clear();
  }

  send(watch: ServerResponse, type: string, object: object): void {
    watch.write(`${JSON.stringify({ type, object })}\n`);
  }

  /** Answers list and watch as an API server does. */
  readonly reply: Reply = (request, response) => {
    const query = new URL(request.url ?? '/', 'http://server').searchParams;
    if (query.get('watch') === 'true') this.#watch(response, Number(query.get('resourceVersion')));
    else {
      const metadata = { resourceVersion: String(this.version) };
      // Items of a list come without kind and version, and with managedFields.
      const items = [...this.#pods.values()].map(({ metadata }) => ({
        metadata: { ...metadata, managedFields: [{ manager: 'kubelet' }] },
      }));
      sendJson(response, { kind: 'PodList', apiVersion: 'v1', metadata, items });
    }
  };

  #watch(response: ServerResponse, from: number): void {
    if (from < this.compacted) {
      sendStatus(response, 410, 'Expired', 'too old resource version');
      return;
    }
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    for (const entry of this.#history) if (entry.version > from) this.send(response, entry.type, entry.object);
    this.watches.add(response);
    response.on('close', () => this.watches.delete(response));
  }

  #tell(entry: Entry): void {
    this.#history.push(entry);
    for (const watch of this.watches) this.send(watch, entry.type, entry.object);
  }
}
