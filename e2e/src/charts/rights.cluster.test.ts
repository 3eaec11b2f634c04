import { beforeAll, describe, expect, it } from 'vitest';
import { testCluster } from '../test-cluster.ts';
import { NAMESPACE, type Rendered, nameOf, rendered } from './rendered.ts';
import { documentedRights, rightsOf } from './rights.ts';

/** A right without its limit to names. */
const unlimited = (right: string): string => right.replace(/ of .*$/, '');

describe('rights', () => {
  let objects: Rendered[];

  beforeAll(async () => {
    objects = await rendered(testCluster(), 'ambit');
  });

  const rights = (name: string): string[] => rightsOf(objects.find((object) => nameOf(object) === name)).sort();

  it.each([
    ['ClusterRole, bound', `ClusterRole istiod-clusterrole-${NAMESPACE}`],
    ['Role in the root namespace', `Role ${NAMESPACE}/istiod`],
  ])('of the controller are those that its documentation asks for: %s', (heading, name) => {
    const asked = new Set(documentedRights(heading).map(unlimited));
    expect(asked.size).toBeGreaterThan(0);
    expect(new Set(rights(name).map(unlimited))).toEqual(asked);
  });

  it('of the controller on Secrets are for those of the authority', () => {
    const [all, own] = [rights(`ClusterRole istiod-clusterrole-${NAMESPACE}`), rights(`Role ${NAMESPACE}/istiod`)];
    expect(all.filter((right) => right.includes('/secrets'))).toEqual([]);
    expect(own.filter((right) => right.includes('/secrets'))).toEqual([
      'create /secrets',
      'delete /secrets of ambit-ca-handover',
      'get /secrets of ambit-ca-handover, cacerts, istio-ca-secret',
      'patch /secrets of ambit-ca-handover',
      'update /secrets of istio-ca-secret',
    ]);
  });

  it('of the controller to change ConfigMaps are for the trust bundle', () => {
    const all = rights(`ClusterRole istiod-clusterrole-${NAMESPACE}`);
    expect(all.filter((right) => /^(?!get|list|watch).* \/configmaps/.test(right))).toEqual([
      'create /configmaps',
      'patch /configmaps of istio-ca-root-cert',
    ]);
  });

  it('of the agent are to look, to mark pods and to report', () => {
    expect(rights('ClusterRole istio-cni')).toEqual([
      'create events.k8s.io/events',
      ...['get /namespaces', 'get /pods', 'list /namespaces', 'list /pods'],
      ...['patch /pods/status', 'patch events.k8s.io/events'],
      ...['watch /namespaces', 'watch /pods'],
    ]);
    expect(rights(`Role ${NAMESPACE}/istio-cni`)).toEqual(
      ['get', 'list', 'watch'].map((verb) => `${verb} apps/daemonsets of istio-cni-node`),
    );
  });

  it('of the Jobs last no longer than the Jobs', () => {
    const ofJobs = objects.filter(({ metadata }) => /unenrol|sweep/.test(metadata.name));
    expect(ofJobs.map(({ kind }) => kind).sort()).toEqual(
      ['ClusterRole', 'ClusterRoleBinding', 'Job', 'Role', 'RoleBinding', 'ServiceAccount'].flatMap((kind) => [
        kind,
        kind,
      ]),
    );
    for (const { metadata } of ofJobs) {
      expect(metadata.annotations?.['helm.sh/hook'], metadata.name).toMatch(/^(pre|post)-delete$/);
      expect(metadata.annotations?.['helm.sh/hook-delete-policy']).toBe('before-hook-creation,hook-succeeded');
    }
  });

  it('are given to no account that a proxy has', () => {
    const bindings = objects.filter(({ kind }) => kind.endsWith('Binding'));
    expect(JSON.stringify(bindings)).not.toContain('"ztunnel"');
  });
});
