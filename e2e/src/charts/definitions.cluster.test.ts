import { globSync } from 'node:fs';
import { basename } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Cluster } from '../cluster/cluster.ts';
import { testCluster } from '../test-cluster.ts';
import { chartFolder, chartYaml } from './charts.ts';
import { type Rendered, rendered, templateText } from './rendered.ts';

describe('the definitions of the chart base', () => {
  let cluster: Cluster;

  beforeAll(() => {
    cluster = testCluster();
  });

  it('are not printed where nobody can say what is missing', async () => {
    expect((await templateText(cluster, 'base')).trim()).toBe('');
    expect(await templateText(cluster, 'ambit')).not.toContain('CustomResourceDefinition');
  });

  it('are printed as published, all of them, when that is asked for', async () => {
    const printed = await rendered(cluster, 'base', { renderCRDsOffline: true });
    const files = globSync('files/crds/*/*.yaml', { cwd: chartFolder('base') });
    const vendored = files.map((file) => {
      const definition = chartYaml('base', file) as Rendered;
      expect(`${definition.metadata.name}.yaml`).toBe(basename(file));
      const annotations = { ...definition.metadata.annotations, 'helm.sh/resource-policy': 'keep' };
      return { ...definition, metadata: { ...definition.metadata, annotations } };
    });
    const byName = (a: Rendered, b: Rendered): number => (a.metadata.name < b.metadata.name ? -1 : 1);
    expect(printed.toSorted(byName)).toEqual(vendored.toSorted(byName));
  });
});
