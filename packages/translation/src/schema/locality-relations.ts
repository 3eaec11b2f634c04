import { MAX_LOCALITY_ENTRIES } from '@ambit/traffic/limits';
import type { LocalityLb } from '../locality-objects.ts';
import { quoted } from '../manifest/problem.ts';
import type { Path, ReportAt } from './relations.ts';

/** Labels that say where an endpoint is, which `failover` decides by itself. */
const REGIONAL = ['topology.kubernetes.io/region', 'topology.kubernetes.io/zone', 'topology.istio.io/subzone'];

/** What Istio's webhook asks of a `localityLbSetting`, and no more than waypoints take: they would refuse all of the Service. */
export function checkLocality(setting: LocalityLb | undefined, place: Path, report: ReportAt): void {
  const { distribute = [], failover = [], failoverPriority = [] } = setting ?? {};
  const lists: readonly (readonly [Path, number])[] = [
    ...Object.entries({ distribute, failover, failoverPriority }).map(
      ([name, { length }]) => [[name], length] as const,
    ),
    ...distribute.map(({ to = {} }, index) => [['distribute', index, 'to'], Object.keys(to).length] as const),
  ];
  const long = lists.filter(([, length]) => length > MAX_LOCALITY_ENTRIES);
  for (const [at, length] of long)
    report([...place, ...at], `has ${length} entries, more than ${MAX_LOCALITY_ENTRIES}`);
  if (long.length > 0) return;
  if (distribute.length > 0 && failover.length > 0) report(place, 'distribute and failover exclude each other');
  checkDistribute(distribute, [...place, 'distribute'], report);
  failover.forEach(({ from = '', to = '' }, index) => {
    const at = [...place, 'failover', index];
    if (from === to) report(at, 'from and to are the same region');
    if (`${from}${to}`.includes('*')) report(at, 'regions are named, * stands for none');
  });
  failoverPriority.forEach((text, index) => {
    const at = [...place, 'failoverPriority', index];
    const [label = '', ...values] = text.split('=');
    if (label === '' || values.length > 1) report(at, `${quoted(text)} is neither label nor label=value`);
    if (failover.length > 0 && REGIONAL.includes(label)) report(at, `${label} and failover exclude each other`);
  });
}

function checkDistribute(distribute: NonNullable<LocalityLb['distribute']>, place: Path, report: ReportAt): void {
  checkPlaces(
    distribute.map(({ from = '' }, index) => [from, [...place, index, 'from']]),
    report,
  );
  distribute.forEach(({ to = {} }, index) => {
    const at = [...place, index, 'to'];
    const weights = Object.entries(to);
    checkPlaces(
      weights.map(([locality]) => [locality, [...at, locality]]),
      report,
    );
    for (const [locality, weight] of weights) {
      if (weight < 1 || weight > 100) report([...at, locality], `${weight} is no weight from 1 to 100`);
    }
    const sum = weights.reduce((total, [, weight]) => total + weight, 0);
    if (sum !== 100) report(at, `the weights sum up to ${sum}, not 100`);
  });
}

/** Each must be a place, and none may be part of another. */
function checkPlaces(places: readonly (readonly [string, Path])[], report: ReportAt): void {
  places.forEach(([text, at], index) => {
    const parts = text.split('/');
    const star = parts.findIndex((part) => part.includes('*'));
    if (parts.length > 3 || parts.includes(''))
      report(at, `${quoted(text)} is not region, region/zone or region/zone/subzone`);
    else if (star >= 0 && (star < parts.length - 1 || parts[star] !== '*')) {
      report(at, `${quoted(text)}: * stands alone and at the end`);
    }
    const other = places.slice(0, index).find(([before]) => overlap(before, text));
    if (other !== undefined) report(at, `${quoted(text)} overlaps ${quoted(other[0])}`);
  });
}

function overlap(a: string, b: string): boolean {
  const [left, right] = [a.split('/'), b.split('/')];
  return left.every((part, at) => {
    const other = right[at];
    return other === undefined || part === '*' || other === '*' || part === other;
  });
}
