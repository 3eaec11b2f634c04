import type { MetricFamily } from './metric-family.ts';
import type { CollectedFamily, Sample } from './snapshot.ts';

/** What to answer a scrape with. Parsers of the older text format read it as well, for which Istio's proxy is no different. */
export const OPENMETRICS_CONTENT_TYPE = 'application/openmetrics-text; version=1.0.0; charset=utf-8';
export const TEXT_CONTENT_TYPE = 'text/plain; charset=utf-8';

/** The content type for a scraper that accepts `accept`: OpenMetrics if it asks for it. */
export function contentTypeFor(accept: string | undefined): string {
  return accept?.includes('application/openmetrics-text') === true ? OPENMETRICS_CONTENT_TYPE : TEXT_CONTENT_TYPE;
}

/** The text of a scrape in OpenMetrics 1.0. */
export function renderMetrics(families: readonly CollectedFamily[]): string {
  const lines: string[] = [];
  for (const { family, samples } of families) {
    const name = familyName(family);
    lines.push(`# HELP ${name} ${escape(family.help)}`, `# TYPE ${name} ${family.type}`);
    for (const sample of samples) renderSample(lines, family, sample);
  }
  lines.push('# EOF', '');
  return lines.join('\n');
}

/** OpenMetrics names the family of a counter without the ending of its samples. */
function familyName({ name, type }: MetricFamily): string {
  return type === 'counter' ? name.slice(0, -'_total'.length) : name;
}

function renderSample(lines: string[], family: MetricFamily, { names = family.labels, labels, values }: Sample): void {
  const pairs = names.map((label, index) => `${label}="${escape(labels[index] ?? '')}"`).join(',');
  const braces = pairs.length > 0 ? `{${pairs}}` : '';
  if (family.type !== 'histogram') {
    lines.push(`${family.name}${braces} ${formatNumber(values[0] ?? 0)}`);
    return;
  }
  const lead = pairs.length > 0 ? `${pairs},` : '';
  let count = 0;
  for (const [index, bound] of [...family.buckets, Number.POSITIVE_INFINITY].entries()) {
    count += values[index] ?? 0;
    lines.push(`${family.name}_bucket{${lead}le="${formatBound(bound)}"} ${count}`);
  }
  lines.push(`${family.name}_count${braces} ${count}`);
  lines.push(`${family.name}_sum${braces} ${formatNumber(values[family.buckets.length + 1] ?? 0)}`);
}

/** OpenMetrics 1.0, "Numbers in le": always with a fraction. */
function formatBound(bound: number): string {
  if (bound === Number.POSITIVE_INFINITY) return '+Inf';
  return Number.isInteger(bound) ? `${bound}.0` : String(bound);
}

function formatNumber(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf';
  return String(value);
}

/** OpenMetrics 1.0, ABNF `escaped-string`: of help texts and label values. */
function escape(text: string): string {
  if (!/["\\\n]/.test(text)) return text;
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"');
}
