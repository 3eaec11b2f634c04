import { quoted } from '../manifest/problem.ts';
import type { DestinationRule } from '../traffic-objects.ts';
import { checkExportTo } from './export-relations.ts';
import { isSubsetName } from './formats.ts';
import { isHostOrAddress } from './hosts.ts';
import type { ReportAt } from './relations.ts';

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
    (policy?.portLevelSettings ?? []).forEach(({ port }, index) => {
      if (port?.number === undefined) report([...place, 'portLevelSettings', index, 'port'], 'needs a number');
    });
  }
}
