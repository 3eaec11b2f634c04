import type { MetricSources, ProxyMetrics } from '@ambit/proxy/proxy-metrics';
import { PROXIES_ACTIVE, PROXIES_STARTED, PROXIES_STOPPED } from '@ambit/telemetry/families';
import type { Pods } from './pods.ts';

/** The text of a scrape: what every proxy counts, and the pods that this one serves. */
export function renderNodeMetrics(
  sources: MetricSources & { readonly pods: Pods; readonly metrics: ProxyMetrics },
): Promise<string> {
  const { pods, metrics } = sources;
  const counts = pods.counts();
  metrics.own.number(PROXIES_ACTIVE).value = counts.active;
  metrics.own.number(PROXIES_STARTED).value = counts.started;
  metrics.own.number(PROXIES_STOPPED).value = counts.stopped;
  return metrics.render(sources);
}
