import { parseAllDocuments } from 'yaml';
import type { Cluster } from '../cluster/cluster.ts';
import { type ChartName, type Values, asMap, chartFolder, isMap } from './charts.ts';

/** Namespace that charts are rendered for. */
export const NAMESPACE = 'istio-system';

/** An object as a chart renders it. */
export interface Rendered extends Values {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
}

/** What `helm template` prints for a chart. Rejects with what Helm said when it refuses. */
export async function templateText(cluster: Cluster, chart: ChartName, values: Values = {}): Promise<string> {
  const words = ['template', 'release', chartFolder(chart), '--namespace', NAMESPACE, '--values', '-'];
  return await cluster.helm(words, { input: JSON.stringify(values) });
}

/** The same as objects. Throws a plain Error for what is no strict YAML, and for what is no object of the API. */
export async function rendered(cluster: Cluster, chart: ChartName, values: Values = {}): Promise<Rendered[]> {
  return objectsOf(await templateText(cluster, chart, values));
}

function objectsOf(text: string): Rendered[] {
  const documents = parseAllDocuments(text, { strict: true, uniqueKeys: true, stringKeys: true });
  if ('empty' in documents) return [];
  return documents.flatMap((document) => {
    const [problem] = [...document.errors, ...document.warnings];
    if (problem !== undefined) throw problem;
    const value: unknown = document.toJS();
    if (value === null) return [];
    const object = asMap(value, 'a rendered document');
    if (!isRendered(object)) throw new Error(`no apiVersion, kind or name: ${JSON.stringify(object).slice(0, 200)}`);
    return [object];
  });
}

function isRendered(object: Values): object is Rendered {
  const { apiVersion, kind, metadata } = object;
  return (
    typeof apiVersion === 'string' &&
    typeof kind === 'string' &&
    isMap(metadata) &&
    typeof metadata['name'] === 'string'
  );
}

/** Name of an object for messages, and to tell it from all others. */
export function nameOf({ kind, metadata }: Rendered): string {
  return `${kind} ${metadata.namespace === undefined ? '' : `${metadata.namespace}/`}${metadata.name}`;
}
