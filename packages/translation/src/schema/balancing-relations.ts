import { MAX_COOKIE_ATTRIBUTES } from '@ambit/traffic/limits';
import { cookieAttributeProblem, cookieNameProblem } from '@ambit/traffic/cookies/cookies';
import type { BalancingPolicy, HashCookiePolicy } from '../traffic-objects.ts';
import type { ReportAt } from './relations.ts';

type Place = readonly (number | string)[];

const KEYS = ['httpHeaderName', 'httpCookie', 'useSourceIp', 'httpQueryParameterName'] as const;

/** What Istio's definition and webhook ask of `loadBalancer`, and what a cookie cannot be. */
export function checkBalancing(policy: BalancingPolicy | undefined, place: Place, report: ReportAt): void {
  if (policy === undefined) return;
  const { simple, consistentHash: hash, warmup } = policy;
  if (hash !== undefined && simple !== undefined) report([...place, 'consistentHash'], 'cannot stand beside simple');
  const keys = KEYS.filter((name) => hash?.[name] !== undefined);
  if (keys.length > 1) report([...place, 'consistentHash'], `has more than one key: ${keys.join(', ')}`);
  if (hash?.ringHash !== undefined && hash.maglev !== undefined) {
    report([...place, 'consistentHash', 'maglev'], 'cannot stand beside ringHash');
  }
  if (hash?.httpCookie !== undefined) checkCookie(hash.httpCookie, [...place, 'consistentHash', 'httpCookie'], report);
  const { minimumPercent, aggression } = warmup ?? {};
  if (minimumPercent !== undefined && !(minimumPercent >= 0 && minimumPercent <= 100)) {
    report([...place, 'warmup', 'minimumPercent'], `${minimumPercent} is no share of 100`);
  }
  if (aggression !== undefined && !(aggression >= 1)) report([...place, 'warmup', 'aggression'], 'must be at least 1');
}

function checkCookie({ name, path = '', attributes = [] }: HashCookiePolicy, place: Place, report: ReportAt): void {
  const note = (at: Place, problem: string | undefined): void => {
    if (problem !== undefined) report([...place, ...at], problem);
  };
  note(['name'], cookieNameProblem(name));
  note(['path'], cookieAttributeProblem(path));
  if (attributes.length > MAX_COOKIE_ATTRIBUTES) {
    report([...place, 'attributes'], `are ${attributes.length}, more than ${MAX_COOKIE_ATTRIBUTES}`);
  }
  attributes.forEach((attribute, index) => {
    note(['attributes', index, 'name'], cookieNameProblem(attribute.name ?? ''));
    note(['attributes', index, 'value'], cookieAttributeProblem(attribute.value ?? ''));
  });
}
