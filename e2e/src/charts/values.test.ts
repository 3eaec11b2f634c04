import { describe, expect, it } from 'vitest';
import { CHART_NAMES, type ChartName, SUB_CHARTS, asMap, chartSchema, chartYaml, chartsReadme } from './charts.ts';
import { EVERY_GLOBAL, EVERY_VALUE } from './every-value.ts';
import { pathsOfSchema, valuesBySchema } from './value-paths.ts';

/** A switch of the umbrella alone, which the sub-chart never sees an effect of. */
const SWITCH = 'enabled';

const defaults = (name: ChartName): Map<string, unknown> =>
  new Map(
    valuesBySchema(chartYaml(name, 'values.yaml'), chartSchema(name)).map(({ path, value }) => [path.join('.'), value]),
  );

/** Rows `| name | default |` of the README below the heading of a chart. */
function documented(heading: string): Map<string, unknown> {
  const [, section = ''] = chartsReadme().split(`\n### ${heading}\n`);
  const [table = ''] = section.split('\n### ');
  const rows = [...table.matchAll(/^\| `([^`]+)` \| `([^`]*)` \|/gm)];
  return new Map(rows.map(([, name = '', value = '']) => [name, JSON.parse(value)]));
}

describe.each(SUB_CHARTS)('values of the chart %s', (name) => {
  it('are those that its schema knows', () => {
    const known = pathsOfSchema(chartSchema(name)).filter((path) => path !== SWITCH);
    expect([...defaults(name).keys()].sort()).toEqual(known.sort());
  });

  it('stand in the README with their defaults', () => {
    const own = [...defaults(name)].filter(([path]) => !path.startsWith('global.'));
    expect(Object.fromEntries(documented(`\`${name}\``))).toEqual(Object.fromEntries(own));
  });

  it('have all another value in the tests', () => {
    const tested = valuesBySchema({ ...EVERY_VALUE[name], global: EVERY_GLOBAL }, chartSchema(name));
    expect(tested.map(({ path }) => path.join('.')).sort()).toEqual([...defaults(name).keys()].sort());
    for (const { path, value } of tested) expect(value, path.join('.')).not.toEqual(defaults(name).get(path.join('.')));
  });
});

describe('values of all charts', () => {
  it('are the same everywhere, and so is what is allowed', () => {
    const values = CHART_NAMES.map((name) => chartYaml(name, 'values.yaml')['global']);
    const schemas = CHART_NAMES.map((name) => asMap(chartSchema(name)['properties'], name)['global']);
    for (const value of values) expect(value).toEqual(values[0]);
    for (const schema of schemas) expect(schema).toEqual(schemas[0]);
  });

  it('stand in the README with their defaults', () => {
    const global = [...defaults('ambit')].filter(([path]) => path.startsWith('global.'));
    expect(Object.fromEntries(documented('`global`: all charts'))).toEqual(Object.fromEntries(global));
  });
});

describe('the charts', () => {
  it('have one version, which the umbrella asks for', () => {
    const charts = CHART_NAMES.map((name) => chartYaml(name, 'Chart.yaml'));
    for (const { version, appVersion, kubeVersion } of charts) {
      expect({ version, appVersion, kubeVersion }).toEqual({
        version: charts[0]?.['version'],
        appVersion: charts[0]?.['version'],
        kubeVersion: charts[0]?.['kubeVersion'],
      });
    }
    const asked = charts[0]?.['dependencies'];
    expect(asked).toEqual(
      SUB_CHARTS.map((name) => ({ name, version: charts[0]?.['version'], condition: `${name}.enabled` })),
    );
  });
});
