/** Holds the rules and the dashboard of the chart against the metrics that the code declares. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './runtime.mjs';

const FILES = ['rules.yaml', 'dashboard.json'].map((file) => `charts/ambit/charts/istiod/files/${file}`);

/** What Prometheus and its operator add to every sample. */
const ADDED = ['job', 'instance', 'namespace', 'node', 'pod', 'container', 'endpoint', 'service'];

/** Names that recording rules give begin with `ambit:`. */
const METRIC = /(?<![:\w])(?:istio|ambit)_\w+/g;

/**
 * Names of metrics and labels in the files that no family has.
 * @param {readonly { name: string, type: string, labels: readonly string[] }[]} families
 * @returns {string[]}
 */
export function chartMetricProblems(families) {
  const byName = new Map();
  for (const family of families) {
    const endings = family.type === 'histogram' ? ['_bucket', '_sum', '_count'] : [''];
    for (const ending of endings)
      byName.set(family.name + ending, [...family.labels, ...(ending === '_bucket' ? ['le'] : [])]);
  }
  const problems = [];
  for (const file of FILES) {
    const lines = readFileSync(join(ROOT, file), 'utf8').split('\n');
    for (const [index, raw] of lines.entries()) {
      const line = raw.replaceAll('\\"', '"');
      const names = /^\s*"?(?:expr|query)"?: /.test(line) ? (line.match(METRIC) ?? []) : [];
      const place = `${file}:${index + 1}`;
      for (const name of names) if (!byName.has(name)) problems.push(`${place}: no metric ${name} is declared`);
      if (names.length === 0) continue;
      const known = new Set([...ADDED, ...names.flatMap((name) => byName.get(name) ?? [])]);
      for (const label of labelsOf(line)) {
        if (!known.has(label)) problems.push(`${place}: ${names.join(', ')} has no label ${label}`);
      }
    }
  }
  return problems;
}

function labelsOf(line) {
  const matched = [...line.matchAll(/\{([^{}]*)\}/g)].flatMap(([, inner = '']) =>
    [...inner.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g)].map(([, label = '']) => label),
  );
  const grouped = [...line.matchAll(/\b(?:by|without) \(([^)]*)\)/g)].flatMap(([, inner = '']) => inner.split(/,\s*/));
  const listed = [...line.matchAll(/label_values\([^,]*, (\w+)\)/g)].map(([, label = '']) => label);
  return [...matched, ...grouped, ...listed];
}
