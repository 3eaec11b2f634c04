import { quoted } from '../manifest/problem.ts';
import type { Texts } from '../objects.ts';
import type { HeaderOperations, VirtualHeaders, VirtualRewrite } from '../traffic-objects.ts';
import { isHeaderName } from './formats.ts';
import type { Path, ReportAt } from './relations.ts';

/** Whether a name stands for the host that a request is sent to. */
export function isAuthorityName(name: string): boolean {
  return [':authority', 'host'].includes(name.toLowerCase());
}

/** Header operations of a route or a destination. */
export function checkHeaders({ request, response }: VirtualHeaders, path: Path, report: ReportAt): void {
  checkOperations(request, [...path, 'request'], true, report);
  checkOperations(response, [...path, 'response'], false, report);
}

function checkOperations(
  operations: HeaderOperations | undefined,
  path: Path,
  mayRewriteHost: boolean,
  report: ReportAt,
): void {
  for (const field of ['set', 'add'] as const) {
    for (const [name, value] of Object.entries(operations?.[field] ?? {})) {
      const place = [...path, field, name];
      if (!mayRewriteHost || !isAuthorityName(name)) checkName(name, place, report);
      // An odd one neither begins nor ends a format, and is no escaped percent sign.
      if ((value.split('%').length - 1) % 2 === 1) report(place, 'has a single %', 'write %% for a percent sign');
    }
  }
  (operations?.remove ?? []).forEach((name, index) => {
    checkName(name, [...path, 'remove', index], report);
  });
}

function checkName(name: string, path: Path, report: ReportAt): void {
  if (name.startsWith(':') || isAuthorityName(name)) report(path, `${quoted(name)} cannot be changed here`);
  else if (!isHeaderName(name)) report(path, `${quoted(name)} is not the name of a header`);
}

/** The host that requests are sent to is written in one place at most. */
export function checkAuthority(
  rewrite: VirtualRewrite | undefined,
  headers: VirtualHeaders | undefined,
  path: Path,
  report: ReportAt,
): void {
  const { set = {}, add = {} } = headers?.request ?? {};
  const values = [rewrite?.authority ?? '', ...authorities(set), ...authorities(add)].filter((value) => value !== '');
  if (values.length > 1) report(path, `sets the host of requests twice: ${values.map((v) => quoted(v)).join(', ')}`);
}

function authorities(operations: Texts): string[] {
  return Object.entries(operations).flatMap(([name, value]) => (isAuthorityName(name) ? [value] : []));
}
