import { beforeAll, describe, expect, it } from 'vitest';
import { eventually, ownTestCluster } from '../test-cluster.ts';
import type { OwnCluster } from './own-cluster.ts';
import { NODE_IMAGE } from './parts/images.ts';

describe('a cluster made here', () => {
  let cluster: OwnCluster;

  beforeAll(() => {
    cluster = ownTestCluster();
  });

  it('runs commands in its network and inside a node, with their exit code, output and input', async () => {
    const dial = `fetch('https://10.101.0.1/', { tls: {} }).catch((error) => console.log(error.cause.code))`;
    const answer = await cluster.inCluster([process.execPath, '-e', dial]);
    expect(answer.stdout.trim()).toMatch(/CERT|SIGNATURE|ISSUER/);
    expect((await cluster.inNode('b', ['hostname'])).stdout.trim()).toBe('b');
    expect((await cluster.inNode('a', ['sh', '-c', 'cat; exit 3'], { input: 'hello' })).code).toBe(3);
    await expect(cluster.inNode('z', ['true'])).rejects.toThrow(/no node z; there are a, b/);
  });

  it('a command ends with whoever waits for it', async () => {
    await expect(cluster.inNode('a', ['sleep', '4714'], { timeout: 300 })).rejects.toThrow(/not finished after 300 ms/);
    await eventually(async () => {
      expect((await cluster.inNode('a', ['ps', 'ax'])).stdout).not.toContain('sleep 4714');
    });
  });

  it('takes images into every node', async () => {
    const list = ['ctr', '-n', 'k8s.io', 'images', 'ls', '-q'];
    for (const node of ['a', 'b']) await cluster.inNode(node, ['ctr', '-n', 'k8s.io', 'images', 'rm', NODE_IMAGE]);
    await cluster.loadImages(cluster.testImages);
    for (const node of ['a', 'b']) {
      expect((await cluster.inNode(node, list)).stdout.split('\n')).toContain(NODE_IMAGE);
    }
    await expect(cluster.loadImages(['/no/such.tar'])).rejects.toThrow('/no/such.tar does not exist');
  });

  it('an API server that was stopped answers again after it is started', async () => {
    await cluster.without('kube-apiserver', async () => {
      await expect(cluster.kubectl(['get', 'nodes', '--request-timeout=2s'])).rejects.toThrow(/refused/);
    });
    await eventually(() => cluster.kubectl(['get', 'nodes']), 60_000);
  });

  it('a node that lost its power runs pods again after it is started, with its disk and without its memory', async () => {
    const node = cluster.node('b');
    const disk = ['/etc/cni/net.d/10-pods.conflist.kept', '/opt/cni/bin/kept', '/var/lib/kept'];
    const memory = '/run/kept';
    await cluster.inNode('b', ['touch', ...disk, memory]);
    await node.destroy();
    await expect(cluster.inNode('b', ['true'])).rejects.toThrow(/node b does not run/);
    await node.start();
    expect((await cluster.inNode('b', ['rm', ...disk])).stderr).toBe('');
    expect((await cluster.inNode('b', ['ls', memory])).code).not.toBe(0);
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'after-power-cut', namespace: 'default' },
      spec: {
        nodeName: 'b',
        restartPolicy: 'Never',
        containers: [{ name: 'main', image: NODE_IMAGE, imagePullPolicy: 'Never', args: ['-e', '0'] }],
      },
    };
    await cluster.kubectl(['apply', '-f', '-'], { input: JSON.stringify(pod) });
    const done = '--for=jsonpath={.status.phase}=Succeeded';
    await cluster.kubectl(['wait', done, 'pod/after-power-cut', '--timeout=90s']);
    await cluster.kubectl(['delete', 'pod', 'after-power-cut']);
  });
});
