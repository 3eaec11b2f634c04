import { beforeAll, describe, expect, it } from 'vitest';
import type { Cluster } from '../cluster/cluster.ts';
import { testCluster } from '../test-cluster.ts';
import { CHART_NAMES, type ChartName, SUB_CHARTS, type Values, chartFolder, chartSchema } from './charts.ts';
import { CLIENT_CREDENTIALS, EVERY_GLOBAL, EVERY_VALUE } from './every-value.ts';
import { podSpecs } from './pod-specs.ts';
import { NAMESPACE, nameOf, type Rendered, rendered, templateText } from './rendered.ts';
import { alone, valuesBySchema, without } from './value-paths.ts';

/** Kinds without a namespace. */
const CLUSTER_WIDE = [
  'ClusterRole',
  'ClusterRoleBinding',
  'CustomResourceDefinition',
  'ValidatingWebhookConfiguration',
];

/** Everything set, of one chart or of all. */
const everything = (chart: ChartName): Values =>
  chart === 'ambit' ? { ...EVERY_VALUE, global: EVERY_GLOBAL } : { ...EVERY_VALUE[chart], global: EVERY_GLOBAL };

/** Namespaces of users in which an object may stand: a value names them. */
function elsewhere({ kind, metadata }: Rendered): string[] {
  const isGrant = ['Role', 'RoleBinding'].includes(kind) && metadata.name.startsWith('istiod-client-credentials-');
  return isGrant ? CLIENT_CREDENTIALS.map(({ namespace }) => namespace) : [];
}

describe('helm', () => {
  let cluster: Cluster;

  beforeAll(() => {
    cluster = testCluster();
  });

  it('finds nothing wrong with the charts', async () => {
    expect(await cluster.helm(['lint', '--strict', '--with-subcharts', chartFolder('ambit')])).toContain(
      '5 chart(s) linted, 0 chart(s) failed',
    );
  });

  for (const chart of CHART_NAMES) {
    for (const [what, values] of [
      ['its defaults', {}],
      ['every value set', everything(chart)],
    ] as const) {
      it(`renders ${chart} with ${what}`, async () => {
        const objects = await rendered(cluster, chart, values);
        expect(new Set(objects.map(nameOf)).size).toBe(objects.length);
        for (const object of objects) {
          const places = CLUSTER_WIDE.includes(object.kind) ? [undefined] : [NAMESPACE, ...elsewhere(object)];
          expect(places, nameOf(object)).toContain(object.metadata.namespace);
          expect(object.metadata.labels?.['app.kubernetes.io/part-of'], nameOf(object)).toBe('ambit');
        }
        for (const [name, { containers }] of podSpecs(objects)) {
          for (const { env = [] } of containers) {
            const names = env.map((variable) => variable.name);
            expect(new Set(names).size, `${name}: a variable stands there twice`).toBe(names.length);
          }
        }
      });
    }
  }

  it('renders the same from the umbrella as from its parts', async () => {
    const whole = await rendered(cluster, 'ambit');
    const parts = await Promise.all(SUB_CHARTS.map((chart) => rendered(cluster, chart)));
    expect(whole.map(nameOf).sort()).toEqual(parts.flat().map(nameOf).sort());
  });

  it.each(SUB_CHARTS)('leaves %s out of the umbrella where it is not wanted', async (chart) => {
    const whole = await rendered(cluster, 'ambit', { [chart]: { enabled: false } });
    const others = await Promise.all(
      SUB_CHARTS.filter((other) => other !== chart).map((other) => rendered(cluster, other)),
    );
    expect(whole.map(nameOf).sort()).toEqual(others.flat().map(nameOf).sort());
  });

  /** Values that change nothing, neither among all others nor alone. */
  async function ignored(chart: ChartName, tested: Values): Promise<string[]> {
    const values = everything(chart);
    const [none, all] = [await templateText(cluster, chart), await templateText(cluster, chart, values)];
    const found: string[] = [];
    for (const at of valuesBySchema(tested, chartSchema(chart))) {
      if ((await templateText(cluster, chart, without(values, at.path))) !== all) continue;
      if ((await templateText(cluster, chart, alone(at))) === none) found.push(at.path.join('.'));
    }
    return found;
  }

  it.each(SUB_CHARTS)('ignores no value of %s', async (chart) => {
    expect(await ignored(chart, EVERY_VALUE[chart])).toEqual([]);
  });

  it('ignores no value of all charts', async () => {
    expect(await ignored('ambit', { global: EVERY_GLOBAL })).toEqual([]);
  });

  it.each([
    ['ambit', { ztunel: {} }, "ambit:\n- at '': additional properties 'ztunel' not allowed"],
    ['ambit', { ztunnel: { logLevle: 'debug' } }, "ztunnel:\n- at '': additional properties 'logLevle' not allowed"],
    ['ambit', { global: { taag: '1' } }, "ambit:\n- at '/global': additional properties 'taag' not allowed"],
    ['cni', { ambient: { dnscapture: true } }, "at '/ambient': additional properties 'dnscapture' not allowed"],
    [
      'istiod',
      { global: { proxy: { clusterDomian: 'x' } } },
      "at '/global/proxy': additional properties 'clusterDomian' not allowed",
    ],
    ['istiod', { replicaCount: 0 }, "at '/replicaCount'"],
    ['istiod', { maxCertTtl: '90d' }, "at '/maxCertTtl'"],
    ['base', { enableCRDTemplates: 'yes' }, "at '/enableCRDTemplates'"],
    [
      'ztunnel',
      { tolerations: [{ effekt: 'NoSchedule' }] },
      "at '/tolerations/0': additional properties 'effekt' not allowed",
    ],
  ] as const)('refuses of %s %j', async (chart, values, said) => {
    await expect(templateText(cluster, chart, values)).rejects.toThrow(said);
  });
});
