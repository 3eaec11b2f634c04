import { quoted } from '../manifest/problem.ts';
import type { DestinationRule, OutlierPolicy, PoolPolicy } from '../traffic-objects.ts';
import { checkBalancing } from './balancing-relations.ts';
import { istioDurationMs } from './durations.ts';
import { checkExportTo } from './export-relations.ts';
import { isSubsetName } from './formats.ts';
import { isHostOrAddress } from './hosts.ts';
import { checkLocality } from './locality-relations.ts';
import type { ReportAt } from './relations.ts';

const LOCALITY = ['loadBalancer', 'localityLbSetting'];

/** What Istio's webhook asks of a DestinationRule. */
export function checkDestinationRule({ spec }: DestinationRule, report: ReportAt): void {
  if (!isHostOrAddress(spec.host)) report(['spec', 'host'], `${quoted(spec.host)} is not the name of a host`);
  checkExportTo(spec.exportTo, report);
  const names = new Set<string>();
  (spec.subsets ?? []).forEach(({ name }, index) => {
    const path = ['spec', 'subsets', index, 'name'];
    if (names.has(name)) report(path, `another subset is called ${name} too`);
    if (!isSubsetName(name)) report(path, `${quoted(name)} is not the name of a subset`);
    names.add(name);
  });
  for (const [place, policy] of [
    [['spec', 'trafficPolicy'], spec.trafficPolicy] as const,
    ...(spec.subsets ?? []).map(
      ({ trafficPolicy }, index) => [['spec', 'subsets', index, 'trafficPolicy'], trafficPolicy] as const,
    ),
  ]) {
    checkOutliers(policy?.outlierDetection, [...place, 'outlierDetection'], report);
    checkLocality(policy?.loadBalancer?.localityLbSetting, [...place, ...LOCALITY], report);
    checkPool(policy?.connectionPool, [...place, 'connectionPool'], report);
    checkBalancing(policy?.loadBalancer, [...place, 'loadBalancer'], report);
    const percent = policy?.retryBudget?.percent;
    if (percent !== undefined && !isPercent(percent)) {
      report([...place, 'retryBudget', 'percent'], `${percent} is no share of 100`);
    }
    (policy?.portLevelSettings ?? []).forEach(({ port, connectionPool, outlierDetection, loadBalancer }, index) => {
      const at = [...place, 'portLevelSettings', index];
      if (port?.number === undefined) report([...at, 'port'], 'needs a number');
      checkOutliers(outlierDetection, [...at, 'outlierDetection'], report);
      checkLocality(loadBalancer?.localityLbSetting, [...at, ...LOCALITY], report);
      checkPool(connectionPool, [...at, 'connectionPool'], report);
      checkBalancing(loadBalancer, [...at, 'loadBalancer'], report);
    });
  }
}

function checkOutliers(
  outliers: OutlierPolicy | undefined,
  place: readonly (number | string)[],
  report: ReportAt,
): void {
  checkTimes(outliers, ['interval', 'baseEjectionTime'], place, report);
  for (const name of ['maxEjectionPercent', 'minHealthPercent'] as const) {
    const percent = outliers?.[name];
    if (percent !== undefined && !isPercent(percent)) report([...place, name], `${percent} is no share of 100`);
  }
}

function checkPool(pool: PoolPolicy | undefined, place: readonly (number | string)[], report: ReportAt): void {
  checkTimes(pool?.http?.http2KeepAlive, ['interval', 'timeout'], [...place, 'http', 'http2KeepAlive'], report);
}

function checkTimes<Name extends string>(
  times: Readonly<Partial<Record<Name, string>>> | undefined,
  names: readonly Name[],
  place: readonly (number | string)[],
  report: ReportAt,
): void {
  for (const name of names) {
    const text = times?.[name];
    if (text !== undefined && istioDurationMs(text) === 0) report([...place, name], 'must be at least 1ms');
  }
}

function isPercent(percent: number): boolean {
  return percent >= 0 && percent <= 100;
}
