import { globSync } from 'node:fs';
import { basename } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Cluster } from '../cluster/cluster.ts';
import { ownTestCluster } from '../test-cluster.ts';
import { chartFolder, chartYaml } from './charts.ts';
import { type Definition, definitionsOf, removeDefinitions, withoutLeaving } from './custom-resources.ts';

const NAMESPACE = 'charts-definitions';
const RELEASE = 'definitions';
/** One that the project does not use; the tests change and delete it. */
const FOREIGN = 'udproutes.gateway.networking.k8s.io';
const ABSENT = 'proxyconfigs.networking.istio.io';

const files = globSync('files/crds/*/*.yaml', { cwd: chartFolder('base') }).sort();
const fileOf = (name: string): string => files.find((file) => basename(file) === `${name}.yaml`) ?? name;

describe('the definitions of the chart base, in a cluster', () => {
  let cluster: Cluster;
  let before: Set<string>;

  const present = (): Promise<ReadonlyMap<string, Definition>> => definitionsOf(cluster);
  const helm = (...words: string[]): Promise<string> => cluster.helm([...words, '--namespace', NAMESPACE]);
  /** The vendored definition, said to be of another version. */
  const ofVersion = (name: string, version: string): string => {
    const definition = chartYaml('base', fileOf(name)) as unknown as Definition;
    const annotations = { ...definition.metadata.annotations, 'gateway.networking.k8s.io/bundle-version': version };
    return JSON.stringify({ ...definition, metadata: { ...definition.metadata, annotations } });
  };
  const versionOf = (definition: Definition | undefined): string | undefined =>
    definition?.metadata.annotations?.['gateway.networking.k8s.io/bundle-version'];

  beforeAll(async () => {
    cluster = ownTestCluster();
    await withoutLeaving(cluster);
    before = new Set((await present()).keys());
    await cluster.kubectl(['create', 'namespace', NAMESPACE]);
    await removeDefinitions(cluster, [FOREIGN, ABSENT]);
  });

  afterAll(async () => {
    const added = [...(await present()).keys()].filter((name) => !before.has(name) || [FOREIGN, ABSENT].includes(name));
    await removeDefinitions(cluster, added);
    const restored = [FOREIGN, ABSENT].filter((name) => before.has(name));
    for (const name of restored) {
      await cluster.kubectl(['create', '-f', `${chartFolder('base')}/${fileOf(name)}`]);
    }
    await cluster.kubectl(['delete', 'namespace', NAMESPACE]);
  });

  it('are installed where they are missing; those of others stay as they are', async () => {
    await cluster.kubectl(['apply', '--server-side', '-f', '-'], { input: ofVersion(FOREIGN, 'v1.0.0') });
    await helm('install', RELEASE, chartFolder('base'));
    const found = await present();
    expect(versionOf(found.get(FOREIGN))).toBe('v1.0.0');
    expect(found.get(ABSENT)?.metadata.annotations).toMatchObject({
      'meta.helm.sh/release-name': RELEASE,
      'helm.sh/resource-policy': 'keep',
    });
    expect([...found.keys()]).toEqual(expect.arrayContaining(files.map((file) => basename(file, '.yaml'))));
  });

  it('are made good by an upgrade, those of others and later ones left out', async () => {
    await removeDefinitions(cluster, [ABSENT, FOREIGN]);
    await helm('upgrade', RELEASE, chartFolder('base'));
    expect((await present()).has(ABSENT)).toBe(true);
    const later = ['apply', '--server-side', '--force-conflicts', '-f', '-'];
    await cluster.kubectl(later, { input: ofVersion(FOREIGN, 'v99.0.0') });
    await helm('upgrade', RELEASE, chartFolder('base'));
    expect(versionOf((await present()).get(FOREIGN))).toBe('v99.0.0');
  });

  it('leave room in the Secret that Helm keeps a release in', async () => {
    const secrets = await cluster.kubectl(['get', 'secret', '-n', NAMESPACE, '-l', 'owner=helm', '-o', 'json']);
    const { items } = JSON.parse(secrets) as { items: { data: { release: string } }[] };
    for (const { data } of items) expect(Buffer.from(data.release, 'base64').length).toBeLessThan(1_000_000);
  });

  it('are kept, and named, when the release goes', async () => {
    expect(await helm('uninstall', RELEASE)).toContain(`[CustomResourceDefinition] ${ABSENT}`);
    const left = await present();
    expect(left.has(ABSENT)).toBe(true);
    expect(left.has(FOREIGN)).toBe(true);
  });
});
