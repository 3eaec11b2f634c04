import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { OwnCluster } from '../cluster/own-cluster.ts';
import { eventually, ownTestCluster } from '../test-cluster.ts';
import { TestClient } from './test-client.ts';

const NAMESPACE = 'kube-outages';

describe('whoever follows objects', () => {
  let cluster: OwnCluster;
  let client: TestClient;

  function kubectl(...words: string[]): Promise<string> {
    return cluster.kubectl(['-n', NAMESPACE, ...words]);
  }

  async function put(name: string, value: string): Promise<void> {
    const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: NAMESPACE }, data: { value } };
    await cluster.kubectl(['apply', '--server-side', '--force-conflicts', '-f', '-'], {
      input: JSON.stringify(object),
    });
  }

  /** Waits until the client knows exactly what the API server has. */
  async function converged(): Promise<void> {
    const path = '{range .items[*]}{.metadata.name} {.metadata.uid} {.metadata.resourceVersion}{"\\n"}{end}';
    await eventually(async () => {
      const rows = (await kubectl('get', 'configmaps', '-o', `jsonpath=${path}`)).trim().split('\n');
      const there = rows.map((row) => [row.slice(0, row.indexOf(' ')), row.slice(row.indexOf(' ') + 1)] as const);
      expect(client.known).toEqual(Object.fromEntries(there));
    }, 90_000);
  }

  async function restartApiServer(meanwhile: () => Promise<void> = () => Promise.resolve()): Promise<void> {
    await cluster.without('kube-apiserver', meanwhile);
    await eventually(() => kubectl('get', 'configmaps'), 60_000);
  }

  function changesOf(name: string): string[] {
    return client.lines.filter((line) => line.name === name).map(({ kind }) => kind ?? '');
  }

  beforeAll(async () => {
    cluster = ownTestCluster();
    await cluster.kubectl(['create', 'namespace', NAMESPACE]);
  });

  afterAll(async () => {
    await cluster.kubectl(['delete', 'namespace', NAMESPACE, '--timeout=60s']);
  });

  beforeEach(async () => {
    for (const name of ['kept', 'changed', 'removed', 'replaced']) await put(name, 'first');
    client = new TestClient(cluster, 'follow', NAMESPACE);
    await converged();
  });

  afterEach(async () => {
    await client.kill();
    await kubectl('delete', 'configmaps', '--all');
  });

  it('keeps what was known while the API server is away, and goes on when it is back', async () => {
    await restartApiServer(async () => {
      await eventually(() => expect(client.state).toBe('stale'), 5_000);
      expect(Object.keys(client.known)).toContain('kept');
    });
    await put('changed', 'second');
    await kubectl('delete', 'configmap', 'removed');
    await put('new', 'first');
    await converged();
    await eventually(() => expect(client.state).toBe('live'));
    expect(changesOf('kept')).toEqual(['added']);
    expect(changesOf('removed')).toEqual(['added', 'deleted']);
  });

  it('misses nothing of a history that is gone when it comes back (410)', async () => {
    // While it is frozen, the API server is restarted, everything changes, and the history is compacted.
    await cluster.kubectl(['-n', NAMESPACE, 'create', 'configmap', 'freezer', '--from-literal=freeze=25000']);
    await eventually(() => expect(changesOf('freezer')).toEqual(['added']));
    await restartApiServer();
    await put('changed', 'second');
    await kubectl('delete', 'configmap', 'removed');
    await kubectl('delete', 'configmap', 'replaced');
    await put('replaced', 'second');
    await put('new', 'first');
    const revision = await kubectl('get', 'configmap', 'new', '-o', 'jsonpath={.metadata.resourceVersion}');
    const compact = `fetch('http://127.0.0.1:2379/v3/kv/compaction', { method: 'POST', body: JSON.stringify({ revision: '${revision}', physical: true }) }).then((answer) => answer.text()).then(console.log)`;
    expect((await cluster.inCluster([process.execPath, '-e', compact])).stdout).toContain('header');
    await restartApiServer();
    expect(changesOf('removed')).toEqual(['added']);
    await converged();
    expect(changesOf('kept')).toEqual(['added']);
    expect(changesOf('changed')).toEqual(['added', 'modified']);
    expect(changesOf('removed')).toEqual(['added', 'deleted']);
    expect(changesOf('replaced')).toEqual(['added', 'deleted', 'added']);
    expect(changesOf('new')).toEqual(['added']);
  });
});
