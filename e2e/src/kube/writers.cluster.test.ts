import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Cluster } from '../cluster/cluster.ts';
import { eventually, testCluster } from '../test-cluster.ts';
import { TestClient } from './test-client.ts';

const NAMESPACE = 'kube-writers';

describe('several who write', () => {
  let cluster: Cluster;
  let clients: TestClient[] = [];

  function start(...words: readonly string[]): TestClient {
    const client = new TestClient(cluster, ...words);
    clients.push(client);
    return client;
  }

  beforeAll(async () => {
    cluster = testCluster();
    await cluster.kubectl(['create', 'namespace', NAMESPACE]);
  });

  afterEach(async () => {
    await Promise.all(clients.map((client) => client.kill()));
    clients = [];
  });

  afterAll(async () => {
    await cluster.kubectl(['delete', 'namespace', NAMESPACE, '--timeout=60s']);
  });

  async function holder(): Promise<string> {
    return await cluster.kubectl(['-n', NAMESPACE, 'get', 'lease', 'lead', '-o', 'jsonpath={.spec.holderIdentity}']);
  }

  it('exactly one leads; another takes over when it ends, and when it is killed', async () => {
    const named = new Map(['a', 'b', 'c'].map((name) => [name, start('lead', NAMESPACE, name)]));
    const leader = async (): Promise<string> =>
      eventually(() => {
        const leading = [...named].filter(([, client]) => client.leads).map(([name]) => name);
        expect(leading.length).toBe(1);
        return leading[0] ?? '';
      }, 20_000);

    const first = await leader();
    expect(await holder()).toBe(first);
    await new Promise((resolve) => setTimeout(resolve, 6_000));
    expect(await leader()).toBe(first);

    await named.get(first)?.finish();
    expect(named.get(first)?.leads).toBe(false);
    const second = await leader();
    expect(second).not.toBe(first);

    await named.get(second)?.kill();
    named.delete(second);
    const third = await leader();
    expect(await holder()).toBe(third);
  });

  it('a field of another manager is a conflict, and is taken over when that is asked for', async () => {
    const first = start('apply', NAMESPACE, 'shared', 'one', 'of-one');
    await first.ended();
    const second = start('apply', NAMESPACE, 'shared', 'two', 'of-two');
    await second.ended();
    expect(first.lines[0]).toEqual({ force: false, data: { value: 'of-one' } });
    expect(second.lines[0]).toMatchObject({ force: false, code: 'AMBIT_KUBE_CONFLICT' });
    expect(second.lines[0]?.message).toContain('conflict with "one": .data.value');
    expect(second.lines[1]).toEqual({ force: true, data: { value: 'of-two' } });
  });
});
