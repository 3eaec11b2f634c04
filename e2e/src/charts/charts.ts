import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseDocument } from 'yaml';

/** Folder of the charts. */
const CHARTS = fileURLToPath(new URL('../../../charts', import.meta.url));

export const SUB_CHARTS = ['base', 'istiod', 'cni', 'ztunnel'] as const;

/** `ambit` is the umbrella, the others are installable alone. */
export type ChartName = 'ambit' | (typeof SUB_CHARTS)[number];

export const CHART_NAMES: readonly ChartName[] = ['ambit', ...SUB_CHARTS];

/** Values of a chart: whatever a YAML map holds. */
export type Values = Readonly<Record<string, unknown>>;

export function chartFolder(name: ChartName): string {
  return name === 'ambit' ? `${CHARTS}/ambit` : `${CHARTS}/ambit/charts/${name}`;
}

/** Text of a file of a chart. */
export function chartFile(name: ChartName, path: string): string {
  return readFileSync(`${chartFolder(name)}/${path}`, 'utf8');
}

/** Text of the README of all charts. */
export function chartsReadme(): string {
  return readFileSync(`${CHARTS}/README.md`, 'utf8');
}

/** A YAML file of a chart that holds one map. */
export function chartYaml(name: ChartName, path: string): Values {
  return asMap(parseDocument(chartFile(name, path), { strict: true, uniqueKeys: true }).toJS(), `${name}/${path}`);
}

/** The chart's schema of its values. */
export function chartSchema(name: ChartName): Values {
  return asMap(JSON.parse(chartFile(name, 'values.schema.json')), `${name}/values.schema.json`);
}

/** Throws a plain Error that names `what` when it is no map. */
export function asMap(value: unknown, what: string): Values {
  if (!isMap(value)) throw new Error(`${what} is no map`);
  return value;
}

export function isMap(value: unknown): value is Values {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
