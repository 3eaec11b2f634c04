import type { BackendReference, Gateway, GrpcRoute, HttpRoute, HttpRouteMatch } from '../gateway-objects.ts';
import { quoted } from '../manifest/problem.ts';
import { gatewayDurationMs } from './durations.ts';
import type { ReportAt } from './relations.ts';

type Path = readonly (number | string)[];

/** Matches of all rules of an HTTPRoute or GRPCRoute (Gateway API). */
const MAX_MATCHES = 128;

export function checkGateway({ spec }: Gateway, report: ReportAt): void {
  if (spec.listeners.length === 0) report(['spec', 'listeners'], 'needs one listener at least');
  const names = new Set<string>();
  spec.listeners.forEach(({ name, allowedRoutes }, index) => {
    const path = ['spec', 'listeners', index];
    if (names.has(name)) report([...path, 'name'], `another listener is called ${name} too`);
    names.add(name);
    const namespaces = allowedRoutes?.namespaces;
    if (namespaces?.from === 'Selector' && namespaces.selector === undefined) {
      report([...path, 'allowedRoutes', 'namespaces'], 'needs a selector', 'an empty one, {}, selects all namespaces');
    }
  });
}

export function checkHttpRoute({ spec }: HttpRoute, report: ReportAt): void {
  checkRules(spec.rules ?? [], report);
  (spec.rules ?? []).forEach(({ matches = [], timeouts, retry }, index) => {
    const path = ['spec', 'rules', index];
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
  checkRules(spec.rules ?? [], report);
  (spec.rules ?? []).forEach(({ matches = [] }, index) => {
    matches.forEach(({ method }, position) => {
      if (method === undefined) return;
      const path = ['spec', 'rules', index, 'matches', position, 'method'];
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

function checkRules(
  rules: readonly { readonly matches?: readonly unknown[]; readonly backendRefs?: readonly BackendReference[] }[],
  report: ReportAt,
): void {
  const total = rules.reduce((sum, { matches = [] }) => sum + matches.length, 0);
  if (total > MAX_MATCHES) report(['spec', 'rules'], `${total} matches are more than the ${MAX_MATCHES} allowed`);
  rules.forEach(({ backendRefs = [] }, index) => {
    backendRefs.forEach(({ group = '', kind = 'Service', port }, position) => {
      if (group === '' && kind === 'Service' && port === undefined) {
        report(
          ['spec', 'rules', index, 'backendRefs', position, 'port'],
          'is required and missing',
          'a Service needs one',
        );
      }
    });
  });
}

function checkHttpMatch({ path: pathMatch, headers = [] }: HttpRouteMatch, path: Path, report: ReportAt): void {
  headers.forEach(({ name }, index) => {
    if (!/^[A-Za-z0-9!#$%&'*+\-.^_`|~]+$/.test(name)) {
      report([...path, 'headers', index, 'name'], `${quoted(name)} is not the name of a header`);
    }
  });
  const { type = 'PathPrefix', value = '/' } = pathMatch ?? {};
  const place = [...path, 'path', 'value'];
  if (type === 'RegularExpression') return;
  if (!value.startsWith('/')) report(place, `${quoted(value)} must begin with a slash`);
  const impossible = ['//', '/./', '/../', '%2f', '%2F', '#'].find((part) => value.includes(part));
  if (impossible !== undefined) report(place, `${quoted(value)} must not contain ${impossible}`);
  if (/\/\.\.?$/.test(value)) report(place, `${quoted(value)} must not end with /. or /..`);
}
