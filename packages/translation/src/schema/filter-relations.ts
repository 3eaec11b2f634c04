import type {
  BackendReference,
  CorsFilter,
  FilterType,
  HeaderModifier,
  HttpRouteMatch,
  MirrorFilter,
  PathModifier,
  RedirectFilter,
  RouteFilter,
} from '../gateway-objects.ts';
import { quoted } from '../manifest/problem.ts';
import { checkBackend } from './backend-relations.ts';
import { isDnsName, isHeaderName } from './formats.ts';
import type { ReportAt } from './relations.ts';

type Path = readonly (number | string)[];

/** The field that goes with a type. */
const FIELD_OF_TYPE = {
  CORS: 'cors',
  ExtensionRef: 'extensionRef',
  ExternalAuth: 'externalAuth',
  RequestHeaderModifier: 'requestHeaderModifier',
  RequestMirror: 'requestMirror',
  RequestRedirect: 'requestRedirect',
  ResponseHeaderModifier: 'responseHeaderModifier',
  URLRewrite: 'urlRewrite',
} as const satisfies Readonly<Record<FilterType, keyof RouteFilter>>;

/** Types of which a list has one at most. */
const ONCE: readonly FilterType[] = [
  'CORS',
  'RequestHeaderModifier',
  'RequestRedirect',
  'ResponseHeaderModifier',
  'URLRewrite',
];

const REDIRECT_STATUSES: readonly number[] = [301, 302, 303, 307, 308];
const CORS_METHODS: readonly string[] = 'GET HEAD POST PUT DELETE CONNECT OPTIONS TRACE PATCH *'.split(' ');
const MAX_HEADER_VALUE = 4_096;
const MAX_PATH = 1_024;

/** The filters of a rule or of a backend: what the CustomResourceDefinitions of the Gateway API ask of them by CEL. */
export function checkFilters(filters: readonly RouteFilter[], path: Path, report: ReportAt): void {
  const seen = new Set<FilterType>();
  filters.forEach((filter, index) => {
    const { type } = filter;
    const place = [...path, index];
    if (ONCE.includes(type) && seen.has(type)) report([...place, 'type'], `another filter is a ${type} too`);
    seen.add(type);
    for (const [other, field] of Object.entries(FIELD_OF_TYPE)) {
      const isSet = filter[field] !== undefined;
      if (other === type && !isSet) report([...place, field], `is required and missing`, `the type is ${type}`);
      if (other !== type && isSet) report([...place, field], `does not go with the type ${type}`);
    }
    checkFilter(filter, place, report);
  });
  if (seen.has('RequestRedirect') && seen.has('URLRewrite')) {
    report(path, 'RequestRedirect and URLRewrite must not stand together');
  }
}

/** What is replaced must be what the one match has matched, so that it is known. */
export function checkPrefixReplacements(
  rule: {
    readonly matches?: readonly HttpRouteMatch[];
    readonly filters?: readonly RouteFilter[];
    readonly backendRefs?: readonly BackendReference[];
  },
  path: Path,
  report: ReportAt,
): void {
  const matches = rule.matches ?? [{}];
  if (matches.length === 1 && (matches[0]?.path?.type ?? 'PathPrefix') === 'PathPrefix') return;
  const check = (filters: readonly RouteFilter[], place: Path): void => {
    filters.forEach(({ requestRedirect, urlRewrite }, index) => {
      if ((requestRedirect ?? urlRewrite)?.path?.type !== 'ReplacePrefixMatch') return;
      report([...place, index], 'ReplacePrefixMatch needs a rule with exactly one match, which must be a PathPrefix');
    });
  };
  check(rule.filters ?? [], [...path, 'filters']);
  (rule.backendRefs ?? []).forEach(({ filters = [] }, index) => {
    check(filters, [...path, 'backendRefs', index, 'filters']);
  });
}

function checkFilter(filter: RouteFilter, path: Path, report: ReportAt): void {
  const { requestHeaderModifier, responseHeaderModifier, requestMirror, requestRedirect, urlRewrite, cors } = filter;
  checkHeaderModifier(requestHeaderModifier ?? {}, [...path, 'requestHeaderModifier'], report);
  checkHeaderModifier(responseHeaderModifier ?? {}, [...path, 'responseHeaderModifier'], report);
  if (requestMirror !== undefined) checkMirror(requestMirror, [...path, 'requestMirror'], report);
  if (requestRedirect !== undefined) checkRedirect(requestRedirect, [...path, 'requestRedirect'], report);
  checkHostname(urlRewrite?.hostname, [...path, 'urlRewrite', 'hostname'], report);
  checkPathModifier(urlRewrite?.path, [...path, 'urlRewrite', 'path'], report);
  if (cors !== undefined) checkCors(cors, [...path, 'cors'], report);
}

function checkHeaderModifier(modifier: HeaderModifier, path: Path, report: ReportAt): void {
  for (const field of ['set', 'add'] as const) {
    const names = new Set<string>();
    (modifier[field] ?? []).forEach(({ name, value }, index) => {
      const place = [...path, field, index];
      if (!isHeaderName(name)) report([...place, 'name'], `${quoted(name)} is not the name of a header`);
      if (names.has(name)) report([...place, 'name'], `${quoted(name)} stands twice in ${field}`);
      names.add(name);
      if (value === '' || value.length > MAX_HEADER_VALUE) {
        report([...place, 'value'], `must have from 1 to ${MAX_HEADER_VALUE} characters`);
      }
    });
  }
}

function checkMirror({ backendRef, percent, fraction }: MirrorFilter, path: Path, report: ReportAt): void {
  checkBackend(backendRef, [...path, 'backendRef'], report);
  if (percent !== undefined && fraction !== undefined) report(path, 'only one of percent and fraction may be given');
  if (percent !== undefined && (percent < 0 || percent > 100)) {
    report([...path, 'percent'], `${percent} is not a percentage`, 'from 0 to 100');
  }
  if (fraction === undefined) return;
  const { numerator, denominator = 100 } = fraction;
  if (denominator < 1) report([...path, 'fraction', 'denominator'], 'must not be 0');
  else if (numerator > denominator)
    report([...path, 'fraction'], 'the numerator must not be more than the denominator');
}

function checkRedirect({ hostname, path: modifier, statusCode }: RedirectFilter, path: Path, report: ReportAt): void {
  checkHostname(hostname, [...path, 'hostname'], report);
  checkPathModifier(modifier, [...path, 'path'], report);
  if (statusCode !== undefined && !REDIRECT_STATUSES.includes(statusCode)) {
    report([...path, 'statusCode'], `${statusCode} is not one of ${REDIRECT_STATUSES.join(', ')}`);
  }
}

function checkHostname(hostname: string | undefined, path: Path, report: ReportAt): void {
  if (hostname !== undefined && !isDnsName(hostname)) {
    report(path, `${quoted(hostname)} is not the name of a host`, 'lower case, without port and wildcard');
  }
}

function checkPathModifier(modifier: PathModifier | undefined, path: Path, report: ReportAt): void {
  if (modifier === undefined) return;
  for (const [type, field] of [
    ['ReplaceFullPath', 'replaceFullPath'],
    ['ReplacePrefixMatch', 'replacePrefixMatch'],
  ] as const) {
    const value = modifier[field];
    if (modifier.type === type && value === undefined) report([...path, field], 'is required and missing');
    if (modifier.type !== type && value !== undefined) {
      report([...path, field], `does not go with the type ${modifier.type}`);
    }
    if ((value ?? '').length > MAX_PATH) report([...path, field], `has more than ${MAX_PATH} characters`);
  }
}

function checkCors(cors: CorsFilter, path: Path, report: ReportAt): void {
  (cors.allowOrigins ?? []).forEach((origin, index) => {
    if (!/^(?:\*|https?:\/\/(?:(?:\*\.)?(?:[a-zA-Z0-9-]+\.)*[a-zA-Z0-9-]+|\*)(?::[0-9]{1,5})?)$/.test(origin)) {
      report([...path, 'allowOrigins', index], `${quoted(origin)} is not an origin`, '*, or scheme://host[:port]');
    }
  });
  (cors.allowMethods ?? []).forEach((method, index) => {
    if (!CORS_METHODS.includes(method)) {
      report([...path, 'allowMethods', index], `${quoted(method)} is not one of ${CORS_METHODS.join(', ')}`);
    }
  });
  for (const field of ['allowHeaders', 'exposeHeaders'] as const) {
    (cors[field] ?? []).forEach((name, index) => {
      if (!isHeaderName(name)) report([...path, field, index], `${quoted(name)} is not the name of a header`);
    });
  }
  for (const field of ['allowOrigins', 'allowMethods', 'allowHeaders'] as const) {
    const values = cors[field] ?? [];
    if (values.length > 1 && values.includes('*')) report([...path, field], '* must stand alone');
  }
  if (cors.maxAge === 0) report([...path, 'maxAge'], 'must be 1 at least');
}
