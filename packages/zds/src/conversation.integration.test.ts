import { existsSync, readdirSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '@ambit/core/clock';
import { ZdsAgent } from './agent.ts';
import { NotingProxy, Surroundings, until } from './test-owner.ts';

const INFO = { name: 'web', namespace: 'shop', serviceAccount: 'web' };

describe('agent and proxy', () => {
  let surroundings: Surroundings;
  let agent: ZdsAgent;
  let counts: string;
  const proxies: NotingProxy[] = [];

  const connect = (): NotingProxy => {
    const proxy = new NotingProxy(surroundings.path);
    proxies.push(proxy);
    return proxy;
  };
  const listen = async (): Promise<ZdsAgent> =>
    await ZdsAgent.listen({
      path: surroundings.path,
      clock: systemClock,
      onProxies: (greeted, synced) => {
        counts = `${greeted} ${synced}`;
      },
    });
  const pod = (uid: string, namespace = uid): { uid: string; info: typeof INFO; namespace: number } => ({
    uid,
    info: INFO,
    namespace: surroundings.namespace(namespace),
  });

  beforeEach(async () => {
    surroundings = new Surroundings();
    agent = await listen();
  });
  afterEach(async () => {
    for (const proxy of proxies.splice(0)) await proxy.client.close();
    await agent.close();
    surroundings.remove();
  });

  it('a pod added before the proxy came is served when it comes; later ones at once; removals too', async () => {
    const early = agent.add(pod('early'));
    const proxy = connect();
    await early;
    await agent.add(pod('late'));
    await agent.remove('early');
    expect(proxy.notes).toEqual(['add early shop/web/web', 'add late shop/web/web', 'removed early']);
    expect(proxy.state).toMatchObject({ connected: true, synced: true, pods: 1 });
  });

  it('a proxy hears whether plaintext is redirected, again when it connects anew, and can say what it reset', async () => {
    const reset: string[] = [];
    await agent.close();
    agent = await ZdsAgent.listen({
      path: surroundings.path,
      clock: systemClock,
      onConnectionsReset: (uid, message) => reset.push(`${uid}: ${message}`),
    });
    const first = connect();
    await agent.add(pod('a'));
    // Nobody may be there who reads it.
    first.client.tellConnectionsReset('a', 'to a stranger');
    await agent.add({ ...pod('a'), plaintextRedirected: true });
    await agent.add({ ...pod('a'), plaintextRedirected: true });
    first.client.tellConnectionsReset('a', 'one');
    await until(() => reset.length > 0, 'the agent is told');
    expect(reset).toEqual(['a: one']);
    const second = connect();
    await second.synced();
    await agent.add({ ...pod('a'), plaintextRedirected: false });
    expect(first.notes).toEqual(['add a shop/web/web', 'a redirected', 'a redirected']);
    expect(second.notes).toEqual(['add a shop/web/web', 'a redirected', 'a not redirected']);
  });

  it('the answer waits until the pod is served, and says why it is not', async () => {
    const proxy = connect();
    await proxy.synced();
    const served = Promise.withResolvers<undefined>();
    proxy.trouble.set('slow', () => served.promise);
    let answered = false;
    const slow = agent.add(pod('slow')).then(() => {
      answered = true;
    });
    await until(() => proxy.notes.length === 1, 'the proxy was asked');
    expect(answered).toBe(false);
    served.resolve(undefined);
    await slow;
    proxy.trouble.set('bad', () => Promise.reject(new Error('15053 is taken')));
    await expect(agent.add(pod('bad'))).rejects.toThrow('the proxy does not serve pod bad: 15053 is taken');
    expect([...(proxy.state?.pending ?? [])]).toEqual([['bad', '15053 is taken']]);
    proxy.trouble.delete('bad');
    await agent.add(pod('bad'));
    expect(proxy.state?.pending.size).toBe(0);
  });

  it('the same pod again is no news; in another namespace it replaces the first', async () => {
    const proxy = connect();
    await agent.add(pod('a'));
    await agent.add(pod('a'));
    expect(proxy.notes).toEqual(['add a shop/web/web']);
    await agent.add(pod('a', 'elsewhere'));
    expect(proxy.notes.slice(1).toSorted()).toEqual(['add a shop/web/web', 'replaced a']);
  });

  it('two pods with one namespace: the second is refused', async () => {
    connect();
    await agent.add(pod('a'));
    await expect(agent.add(pod('b', 'a'))).rejects.toThrow('the network namespace belongs to pod a already');
  });

  it('two proxies: both get the snapshot, the newest later pods, all removals', async () => {
    const older = connect();
    await agent.add(pod('a'));
    const newer = connect();
    await newer.synced();
    await until(() => counts === '2 2', 'both have their snapshot');
    await agent.add(pod('b'));
    await agent.remove('a');
    expect(older.notes).toEqual(['add a shop/web/web', 'removed a']);
    expect(newer.notes).toEqual(['add a shop/web/web', 'add b shop/web/web', 'removed a']);
    await newer.client.close();
    await until(() => older.notes.includes('add b shop/web/web'), 'the older one takes over what it missed');
  });

  it('a proxy that connects while the agent still finds its pods waits, and loses none of them', async () => {
    const proxy = connect();
    await agent.add(pod('served'));
    await agent.close();
    agent = await ZdsAgent.listen({ path: surroundings.path, clock: systemClock, held: true });
    const add = agent.add(pod('served'));
    await until(() => proxy.state?.connected === true, 'the proxy is back');
    await new Promise((resolve) => setTimeout(resolve, 50));
    const late = agent.add(pod('late'));
    expect(proxy.notes).toEqual(['add served shop/web/web']);
    agent.admit();
    await Promise.all([add, late]);
    expect(proxy.notes).toEqual(['add served shop/web/web', 'add late shop/web/web']);
  });

  it('an agent that restarts: pods are kept, those it no longer names leave, new ones come', async () => {
    const proxy = connect();
    await agent.add(pod('stays'));
    await agent.add(pod('leaves'));
    await agent.close();
    await until(() => proxy.state?.connected === false, 'the proxy notices');
    expect(proxy.state).toMatchObject({ synced: true, pods: 2 });
    agent = await listen();
    const again = [
      agent.add({ uid: 'stays', info: INFO, namespace: undefined }, { patience: 100 }),
      agent.add(pod('comes')),
    ];
    await expect(again[0]).rejects.toThrow(/no proxy acknowledged/);
    await again[1];
    await until(() => proxy.notes.includes('unnamed leaves'), 'the unnamed pod leaves');
    expect(proxy.notes.slice(2).toSorted()).toEqual(['add comes shop/web/web', 'unnamed leaves']);
  });

  it('nobody is there: add says so when its patience ends, and the pod is not forgotten', async () => {
    await expect(agent.add(pod('a'), { patience: 30 })).rejects.toThrow(
      'no proxy acknowledged pod shop/web within 30 ms',
    );
    const proxy = connect();
    await proxy.synced();
    expect(proxy.notes).toEqual(['add a shop/web/web']);
  });

  it('leaves no descriptor and no file', async () => {
    const before = readdirSync('/proc/self/fd').length;
    const proxy = connect();
    for (const uid of ['a', 'b', 'c']) await agent.add(pod(uid));
    for (const uid of ['a', 'b', 'c']) await agent.remove(uid);
    await agent.add(pod('d'));
    await proxy.client.close();
    await agent.close();
    expect(existsSync(surroundings.path)).toBe(false);
    surroundings.remove();
    surroundings = new Surroundings();
    // The four files that stood for namespaces are closed by remove(); nothing else may be left of the two threads.
    await until(() => readdirSync('/proc/self/fd').length <= before, 'descriptors are closed');
  });

  it('a path that is no socket is not touched', async () => {
    await expect(ZdsAgent.listen({ path: surroundings.folder, clock: systemClock })).rejects.toThrow(/it is no socket/);
  });
});
