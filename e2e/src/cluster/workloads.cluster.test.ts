import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, testCluster } from '../test-cluster.ts';
import type { Cluster } from './cluster.ts';
import { NODE_IMAGE } from './parts/images.ts';

const NAMESPACE = 'cluster-workloads';
const SERVER = `require('node:http').createServer((_, answer) => answer.end(require('node:os').hostname())).listen(8080)`;

interface PodPlan {
  readonly name: string;
  readonly script: string;
  readonly node?: string;
}

const podManifest = ({ name, script, node }: PodPlan): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: NAMESPACE, labels: { app: name } },
  spec: {
    restartPolicy: 'Never',
    terminationGracePeriodSeconds: 1,
    ...(node === undefined ? {} : { nodeSelector: { 'kubernetes.io/hostname': node } }),
    containers: [{ name: 'main', image: NODE_IMAGE, imagePullPolicy: 'Never', args: ['-e', script] }],
  },
});

describe('a cluster', () => {
  let cluster: Cluster;
  let nodes: string[];

  const apply = (object: object): Promise<string> =>
    cluster.kubectl(['apply', '-f', '-'], { input: JSON.stringify(object) });

  /** Runs a script in a pod to its end and returns what it printed. */
  async function runPod(plan: PodPlan): Promise<string> {
    await apply(podManifest(plan));
    const pod = `pod/${plan.name}`;
    await cluster.kubectl(['-n', NAMESPACE, 'wait', '--for=jsonpath={.status.phase}=Succeeded', pod, '--timeout=60s']);
    return (await cluster.kubectl(['-n', NAMESPACE, 'logs', pod])).trim();
  }

  beforeAll(async () => {
    cluster = testCluster();
    nodes = (await cluster.kubectl(['get', 'nodes', '-o', 'jsonpath={.items[*].metadata.name}'])).split(' ');
    await cluster.kubectl(['create', 'namespace', NAMESPACE]);
    await eventually(() => cluster.kubectl(['-n', NAMESPACE, 'get', 'serviceaccount', 'default']));
  });

  afterAll(async () => {
    await cluster.kubectl(['delete', 'namespace', NAMESPACE, '--timeout=60s']);
  });

  it('has nodes that are all Ready', async () => {
    const path = '{.items[*].status.conditions[?(@.type=="Ready")].status}';
    const ready = (await cluster.kubectl(['get', 'nodes', '-o', `jsonpath=${path}`])).split(' ');
    expect(ready).toEqual(nodes.map(() => 'True'));
    expect(nodes.length).toBeGreaterThanOrEqual(2);
  });

  it('resolves a Service by name and leads to its pod on the other node, from every node', async () => {
    const [home = ''] = nodes;
    await apply(podManifest({ name: 'server', script: SERVER, node: home }));
    const service = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'server', namespace: NAMESPACE } };
    await apply({ ...service, spec: { selector: { app: 'server' }, ports: [{ port: 80, targetPort: 8080 }] } });
    await cluster.kubectl(['-n', NAMESPACE, 'wait', '--for=condition=Ready', 'pod/server', '--timeout=60s']);
    // A node's kube-proxy may be a moment behind the API.
    const script = `(async () => {
      for (let tries = 0; ; tries++) {
        try { return console.log(await (await fetch('http://server')).text()); }
        catch (error) { if (tries > 50) throw error; await new Promise((next) => setTimeout(next, 100)); }
      }
    })()`;
    const answers = await Promise.all(nodes.map((node) => runPod({ name: `client-${node}`, script, node })));
    expect(answers).toEqual(nodes.map(() => 'server'));
  });

  it('refuses a pod what no role allows it', async () => {
    const script = `
      const { readFileSync } = require('node:fs');
      const read = (name) => readFileSync('/var/run/secrets/kubernetes.io/serviceaccount/' + name, 'utf8');
      const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = process.env;
      const options = { host, port, path: '/api/v1/secrets', ca: read('ca.crt'), headers: { authorization: 'Bearer ' + read('token') } };
      require('node:https').get(options, (answer) => { console.log(answer.statusCode); answer.resume(); });`;
    expect(await runPod({ name: 'curious', script })).toBe('403');
  });

  it('takes a chart from helm', async () => {
    expect(await cluster.helm(['list', '--all-namespaces', '--output', 'json'])).toMatch(/^\[/);
  });
});
