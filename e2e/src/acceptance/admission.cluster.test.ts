import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Bench } from '../mesh/bench.ts';
import { installMesh, MESH_NAMESPACE, needMesh } from '../mesh/chart.ts';
import { eventually, testCluster } from '../test-cluster.ts';

const NAMESPACE = 'check-admission';
const CONFIGURATION = `istio-validator-${MESH_NAMESPACE}`;

/** A policy of a name; the definition takes it, with a wrong block too. */
function policy(name: string, block: string, labels: object = {}): object {
  return {
    apiVersion: 'security.istio.io/v1',
    kind: 'AuthorizationPolicy',
    metadata: { name, namespace: NAMESPACE, labels },
    spec: { action: 'DENY', rules: [{ from: [{ source: { ipBlocks: [block] } }] }] },
  };
}

const REFUSAL =
  /admission webhook "validation\.istio\.io" denied the request: AuthorizationPolicy check-admission\/wrong: spec\.rules\[0\]\.from\[0\]\.source\.ipBlocks\[0\]: "10\.0\.0\.0\/99"/;

describe('the admission webhook', () => {
  let bench: Bench;

  const policies = async (): Promise<string> =>
    await bench.read(['validatingwebhookconfiguration', CONFIGURATION], '{.webhooks[*].failurePolicy}');
  const asked = async (): Promise<string> =>
    await bench.read(['validatingwebhookconfiguration', CONFIGURATION], '{.webhooks[*].rules[*].resources[*]}');
  const inForce = async (): Promise<void> => {
    expect([await policies(), await asked()]).toEqual(['Fail Fail', '* *']);
  };

  beforeAll(async () => {
    bench = new Bench(testCluster());
    await needMesh(bench.cluster);
    await bench.apply([{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } }]);
    await eventually(inForce, 60_000);
  });

  afterAll(async () => {
    await bench.remove('namespace', NAMESPACE);
  });

  it('refuses what the definitions take and the controller does not, in a dry run too', async () => {
    await expect(bench.apply([policy('wrong', '10.0.0.0/99')])).rejects.toThrow(REFUSAL);
    await expect(
      bench.cluster.kubectl(['apply', '--dry-run=server', '-f', '-'], {
        input: JSON.stringify(policy('wrong', '10.0.0.0/99')),
      }),
    ).rejects.toThrow(REFUSAL);
    await bench.apply([policy('right', '10.0.0.0/8')]);
  });

  it('lets in, with a warning, what is right and not honoured', async () => {
    const sidecar = {
      apiVersion: 'networking.istio.io/v1',
      kind: 'Sidecar',
      metadata: { name: 'aside', namespace: NAMESPACE },
      spec: { egress: [{ hosts: ['./*'] }] },
    };
    const apply = ['apply', '--warnings-as-errors', '-f', '-'];
    await expect(bench.cluster.kubectl(apply, { input: JSON.stringify(sidecar) })).rejects.toThrow(
      /Sidecar check-admission\/aside: not honoured: /,
    );
    await bench.apply([sidecar]);
  });

  it('stands in the way of no deletion', async () => {
    // Of another revision, so nobody was asked.
    await bench.apply([policy('old', '10.0.0.0/99', { 'istio.io/rev': 'another' })]);
    const place = ['-n', NAMESPACE, 'authorizationpolicy', 'old'];
    await bench.cluster.kubectl(['label', ...place, 'istio.io/rev-']);
    const patch = (finalizers: string): string[] => ['--type=merge', '-p', `{"metadata":{"finalizers":${finalizers}}}`];
    await bench.cluster.kubectl(['patch', ...place, ...patch('["example.com/held"]')]);
    await bench.cluster.kubectl(['delete', ...place, '--wait=false']);
    await bench.cluster.kubectl(['patch', ...place, ...patch('null')]);
    await eventually(async () => {
      expect(await bench.read(['authorizationpolicies', '-n', NAMESPACE], '{.items[*].metadata.name}')).not.toContain(
        'old',
      );
    });
  });

  it('stays in force when the release is upgraded', async () => {
    const over = new AbortController();
    const upgrade = installMesh(bench.cluster, '--set', 'istiod.logLevel=debug').finally(() => over.abort());
    let seen = '';
    while (!over.signal.aborted) seen += `${await policies()} `;
    await upgrade;
    expect(seen).not.toContain('Ignore');
    await inForce();
    await expect(bench.apply([policy('wrong', '10.0.0.0/99')])).rejects.toThrow(REFUSAL);
    await installMesh(bench.cluster);
  });
});
