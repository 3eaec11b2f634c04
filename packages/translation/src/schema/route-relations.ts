import type {
  BackendReference,
  GrpcRoute,
  HttpRoute,
  HttpRouteMatch,
  ParentReference,
  RouteFilter,
  TcpRoute,
  TlsRoute,
} from '../gateway-objects.ts';
import { quoted } from '../manifest/problem.ts';
import { checkBackend } from './backend-relations.ts';
import { gatewayDurationMs } from './durations.ts';
import { checkFilters, checkPrefixReplacements } from './filter-relations.ts';
import { isHeaderName } from './formats.ts';
import type { ReportAt } from './relations.ts';

type Path = readonly (number | string)[];

/** Matches of all rules of an HTTPRoute or GRPCRoute (Gateway API). */
const MAX_MATCHES = 128;

/** Characters of a path. */
const MAX_PATH = 1_024;

export function checkHttpRoute({ spec }: HttpRoute, report: ReportAt): void {
  checkParents(spec.parentRefs ?? [], report);
  checkRules(spec.rules ?? [], report);
  if (spec.rules?.length === 0) report(['spec', 'rules'], 'needs one rule at least');
  (spec.rules ?? []).forEach((rule, index) => {
    const { matches = [], timeouts, retry } = rule;
    const path = ['spec', 'rules', index];
    checkPrefixReplacements(rule, path, report);
    matches.forEach((match, position) => checkHttpMatch(match, [...path, 'matches', position], report));
    const [request, backend] = [timeouts?.request, timeouts?.backendRequest].map((text) =>
      gatewayDurationMs(text ?? ''),
    );
    if (request !== undefined && request > 0 && backend !== undefined && backend > request) {
      report([...path, 'timeouts', 'backendRequest'], 'must not be longer than request');
    }
    (retry?.codes ?? []).forEach((code, position) => {
      if (code < 400 || code > 599) {
        report(
          [...path, 'retry', 'codes', position],
          `${code} is not a status that can be tried again`,
          'from 400 to 599',
        );
      }
    });
  });
}

export function checkGrpcRoute({ spec }: GrpcRoute, report: ReportAt): void {
  checkParents(spec.parentRefs ?? [], report);
  checkRules(spec.rules ?? [], report);
  (spec.rules ?? []).forEach(({ matches = [] }, index) => {
    matches.forEach(({ method, headers = [] }, position) => {
      const match = ['spec', 'rules', index, 'matches', position];
      checkHeaderNames(headers, [...match, 'headers'], report);
      if (method === undefined) return;
      const path = [...match, 'method'];
      if (method.service === undefined && method.method === undefined) report(path, 'needs a service or a method');
      if (method.type === 'RegularExpression') return;
      if (method.service !== undefined && !/^\.?[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*$/.test(method.service)) {
        report([...path, 'service'], `${quoted(method.service)} is not the name of a gRPC service`);
      }
      if (method.method !== undefined && !/^[A-Za-z_]\w*$/.test(method.method)) {
        report([...path, 'method'], `${quoted(method.method)} is not the name of a gRPC method`);
      }
    });
  });
}

export function checkConnectionRoute({ apiVersion, kind, spec }: TcpRoute | TlsRoute, report: ReportAt): void {
  checkParents(spec.parentRefs ?? [], report);
  if (spec.rules.length === 0) report(['spec', 'rules'], 'needs exactly one rule');
  if (kind === 'TLSRoute' && apiVersion.endsWith('/v1') && (spec.hostnames ?? []).length === 0) {
    report(['spec', 'hostnames'], 'needs one hostname at least');
  }
  spec.rules.forEach(({ backendRefs }, index) => {
    const path = ['spec', 'rules', index, 'backendRefs'];
    if (backendRefs.length === 0) report(path, 'needs one backend at least');
    backendRefs.forEach((reference, position) => checkBackend(reference, [...path, position], report));
  });
}

/** Two of one Service differ by `sectionName` or, in the experimental channel, by `port`. */
function checkParents(parents: readonly ParentReference[], report: ReportAt): void {
  const seen = new Set<string>();
  parents.forEach(({ group, kind, namespace, name, sectionName, port }, index) => {
    const key = JSON.stringify([group, kind, namespace, name, sectionName, port]);
    if (seen.has(key))
      report(['spec', 'parentRefs', index], 'another parentRef is the same', 'tell them apart by port');
    seen.add(key);
  });
}

function checkRules(
  rules: readonly {
    readonly name?: string;
    readonly matches?: readonly unknown[];
    readonly filters?: readonly RouteFilter[];
    readonly backendRefs?: readonly BackendReference[];
  }[],
  report: ReportAt,
): void {
  const total = rules.reduce((sum, { matches = [] }) => sum + matches.length, 0);
  if (total > MAX_MATCHES) report(['spec', 'rules'], `${total} matches are more than the ${MAX_MATCHES} allowed`);
  const names = new Set<string>();
  rules.forEach(({ name, filters = [], backendRefs = [] }, index) => {
    const path = ['spec', 'rules', index];
    if (name !== undefined && names.has(name)) report([...path, 'name'], `another rule is called ${name} too`);
    if (name !== undefined) names.add(name);
    checkFilters(filters, [...path, 'filters'], report);
    if (backendRefs.length > 0 && filters.some(({ type }) => type === 'RequestRedirect')) {
      report([...path, 'backendRefs'], 'must not stand beside the filter RequestRedirect');
    }
    backendRefs.forEach((reference, position) => {
      checkBackend(reference, [...path, 'backendRefs', position], report);
      checkFilters(reference.filters ?? [], [...path, 'backendRefs', position, 'filters'], report);
    });
  });
}

export function checkHttpMatch({ path: pathMatch, headers = [] }: HttpRouteMatch, path: Path, report: ReportAt): void {
  checkHeaderNames(headers, [...path, 'headers'], report);
  const { type = 'PathPrefix', value = '/' } = pathMatch ?? {};
  const place = [...path, 'path', 'value'];
  if (type === 'RegularExpression') return;
  if (!value.startsWith('/')) report(place, `${quoted(value)} must begin with a slash`);
  const impossible = ['//', '/./', '/../', '%2f', '%2F', '#'].find((part) => value.includes(part));
  if (impossible !== undefined) report(place, `${quoted(value)} must not contain ${impossible}`);
  else if (!/^(?:[-A-Za-z0-9/._~!$&'()*+,;=:@]|%[0-9a-fA-F]{2})*$/.test(value)) {
    report(place, `${quoted(value)} has characters that no path has`, 'write them as % and two hexadecimal digits');
  }
  if (value.length > MAX_PATH) report(place, `has more than ${MAX_PATH} characters`);
  if (/\/\.\.?$/.test(value)) report(place, `${quoted(value)} must not end with /. or /..`);
}

function checkHeaderNames(headers: readonly { readonly name: string }[], path: Path, report: ReportAt): void {
  headers.forEach(({ name }, index) => {
    if (!isHeaderName(name)) report([...path, index, 'name'], `${quoted(name)} is not the name of a header`);
  });
}
