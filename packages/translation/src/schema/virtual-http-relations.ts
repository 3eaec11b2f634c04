import { MAX_DIRECT_RESPONSE_BYTES } from '@ambit/traffic/limits';
import { quoted } from '../manifest/problem.ts';
import type {
  Destination,
  Percent,
  TextMatch,
  VirtualCors,
  VirtualDestination,
  VirtualDirectResponse,
  VirtualFault,
  VirtualHttpMatch,
  VirtualHttpRoute,
  VirtualRedirect,
  VirtualRewrite,
} from '../traffic-objects.ts';
import { istioDurationMs } from './durations.ts';
import { isDnsLabel, isHeaderName, isSubsetName } from './formats.ts';
import { GRPC_STATUSES } from './grpc-statuses.ts';
import { isHostOrAddress } from './hosts.ts';
import type { Path, ReportAt } from './relations.ts';
import { checkAuthority, checkHeaders } from './virtual-headers-relations.ts';

const METHODS: ReadonlySet<string> = new Set('GET HEAD POST PUT DELETE CONNECT OPTIONS TRACE PATCH *'.split(' '));

/** `delegation`: the route delegates or is delegated to, so that its matches are put together with others. */
export function checkHttpRoute(route: VirtualHttpRoute, path: Path, isOfDelegate: boolean, report: ReportAt): void {
  const { match = [], redirect, directResponse, delegate, rewrite, fault, headers, corsPolicy } = route;
  checkAction(route, path, isOfDelegate, report);
  match.forEach((one, index) => {
    checkMatch(one, [...path, 'match', index], delegate !== undefined || isOfDelegate, report);
  });
  checkDestinations(route.route ?? [], [...path, 'route'], report);
  if (headers !== undefined) checkHeaders(headers, [...path, 'headers'], report);
  checkAuthority(rewrite, headers, path, report);
  if (redirect !== undefined) checkRedirect(redirect, [...path, 'redirect'], report);
  if (rewrite !== undefined) checkRewrite(rewrite, [...path, 'rewrite'], report);
  if (directResponse !== undefined) checkDirectResponse(directResponse, [...path, 'directResponse'], report);
  if (fault !== undefined) checkFault(fault, [...path, 'fault'], report);
  if (corsPolicy !== undefined) checkCors(corsPolicy, [...path, 'corsPolicy'], report);
  checkMirrors(route, path, report);
  checkRetries(route, path, report);
}

function checkAction(
  { route = [], redirect, directResponse, delegate, fault, rewrite }: VirtualHttpRoute,
  path: Path,
  isOfDelegate: boolean,
  report: ReportAt,
): void {
  const actions = [route.length > 0, redirect !== undefined, directResponse !== undefined, delegate !== undefined];
  const count = actions.filter(Boolean).length;
  if (count !== 1) report(path, 'needs exactly one of route, redirect, directResponse and delegate');
  if (redirect !== undefined && fault !== undefined) report([...path, 'fault'], 'does not go with redirect');
  if (redirect !== undefined && rewrite !== undefined) report([...path, 'rewrite'], 'does not go with redirect');
  if (delegate === undefined) return;
  if (isOfDelegate) {
    report([...path, 'delegate'], 'an object without hosts is delegated to, and cannot delegate further');
  }
  if ((delegate.name ?? '') === '') report([...path, 'delegate', 'name'], 'is required and missing');
}

function checkMatch(match: VirtualHttpMatch, path: Path, delegation: boolean, report: ReportAt): void {
  for (const field of ['uri', 'scheme', 'method', 'authority'] as const) {
    const text = match[field];
    if (text !== undefined && Object.keys(text).length === 0) report([...path, field], 'needs exact, prefix or regex');
    checkText(text, [...path, field], delegation, report);
  }
  for (const field of ['headers', 'withoutHeaders', 'queryParams'] as const) {
    for (const [name, text] of Object.entries(match[field] ?? {})) {
      const place = [...path, field, name];
      checkText(text, place, delegation, report);
      if (field === 'queryParams') continue;
      if (name.startsWith('@')) report(place, 'claims of a token choose no route inside of the mesh');
      else if (!isHeaderName(name.replace(/^:/, ''))) report(place, `${quoted(name)} is not the name of a header`);
    }
  }
  const { sourceNamespace } = match;
  if (sourceNamespace !== undefined && sourceNamespace !== '' && !isDnsLabel(sourceNamespace)) {
    report([...path, 'sourceNamespace'], `${quoted(sourceNamespace)} is not the name of a namespace`);
  }
}

function checkText(text: TextMatch | undefined, path: Path, delegation: boolean, report: ReportAt): void {
  const { prefix, regex } = text ?? {};
  if (Object.keys(text ?? {}).length > 1) report(path, 'only one of exact, prefix and regex may be given');
  if (prefix === '' || regex === '') report(path, 'must not be empty');
  if (delegation && regex !== undefined) {
    report(path, 'an expression cannot be put together with the matches of another object', 'write exact or prefix');
  }
}

export function checkDestinations(destinations: readonly VirtualDestination[], path: Path, report: ReportAt): void {
  destinations.forEach(({ destination, headers }, index) => {
    checkDestination(destination, [...path, index, 'destination'], report);
    if (headers === undefined) return;
    checkHeaders(headers, [...path, index, 'headers'], report);
    checkAuthority(undefined, headers, [...path, index, 'headers'], report);
  });
  if (destinations.length < 2) return;
  const total = destinations.reduce((sum, { weight = 0 }) => sum + weight, 0);
  if (total === 0) report(path, 'the weights add up to 0', 'give each destination its share');
}

function checkDestination({ host, subset, port }: Destination, path: Path, report: ReportAt): void {
  if (host === '*' || !isHostOrAddress(host)) report([...path, 'host'], `${quoted(host)} is not the name of a host`);
  if (subset !== undefined && subset !== '' && !isSubsetName(subset)) {
    report([...path, 'subset'], `${quoted(subset)} is not the name of a subset`);
  }
  if (port !== undefined && port.number === undefined) report([...path, 'port'], 'needs a number');
}

function checkRedirect(redirect: VirtualRedirect, path: Path, report: ReportAt): void {
  const { uri = '', prefixRewrite = '', authority = '', scheme = '', port, derivePort, redirectCode = 0 } = redirect;
  if (uri + prefixRewrite + authority + scheme === '' && port === undefined && derivePort === undefined) {
    report(path, 'needs a uri, authority, scheme or port');
  }
  if (uri !== '' && prefixRewrite !== '') report(path, 'only one of uri and prefixRewrite may be given');
  if (port !== undefined && derivePort !== undefined) report(path, 'only one of port and derivePort may be given');
  if (!['', 'http', 'https'].includes(scheme)) report([...path, 'scheme'], `${quoted(scheme)} is not http or https`);
  if (redirectCode !== 0 && (redirectCode < 300 || redirectCode > 399)) {
    report([...path, 'redirectCode'], `${redirectCode} is not the status of a redirect`);
  }
}

function checkRewrite(
  { uri = '', authority = '', uriRegexRewrite }: VirtualRewrite,
  path: Path,
  report: ReportAt,
): void {
  if (uri === '' && authority === '' && uriRegexRewrite === undefined) {
    report(path, 'needs a uri, uriRegexRewrite or authority');
  }
  if (uriRegexRewrite === undefined) return;
  if (uri !== '') report(path, 'only one of uri and uriRegexRewrite may be given');
  if ((uriRegexRewrite.match ?? '') === '' || (uriRegexRewrite.rewrite ?? '') === '') {
    report([...path, 'uriRegexRewrite'], 'needs both match and rewrite');
  }
}

function checkDirectResponse({ status, body }: VirtualDirectResponse, path: Path, report: ReportAt): void {
  checkStatus(status, [...path, 'status'], report);
  if (body?.string !== undefined && body.bytes !== undefined) {
    report([...path, 'body'], 'only one of string and bytes may be given');
  }
  const { bytes } = body ?? {};
  if (bytes !== undefined && !isBase64(bytes)) report([...path, 'body', 'bytes'], 'is not base64');
  const size = bytes === undefined ? Buffer.byteLength(body?.string ?? '') : Buffer.from(bytes, 'base64').length;
  if (size > MAX_DIRECT_RESPONSE_BYTES)
    report([...path, 'body'], `has ${size} bytes, more than ${MAX_DIRECT_RESPONSE_BYTES}`);
}

function isBase64(text: string): boolean {
  return text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text);
}

function checkStatus(status: number, path: Path, report: ReportAt): void {
  if (status < 200 || status > 599) report(path, `${status} is not a status that ends a request`, 'from 200 to 599');
}

function checkFault({ delay, abort }: VirtualFault, path: Path, report: ReportAt): void {
  if (delay === undefined && abort === undefined) report(path, 'needs a delay or an abort');
  if (delay !== undefined) {
    if (delay.exponentialDelay !== undefined) {
      report([...path, 'delay', 'exponentialDelay'], 'has no effect, as in Istio', 'write fixedDelay');
    } else if (delay.fixedDelay === undefined) report([...path, 'delay'], 'needs a fixedDelay');
    checkPercent(delay.percent, [...path, 'delay', 'percent'], report);
    checkPercent(delay.percentage?.value, [...path, 'delay', 'percentage'], report);
  }
  if (abort === undefined) return;
  const { httpStatus, grpcStatus, http2Error, percentage } = abort;
  if ([httpStatus, grpcStatus, http2Error].filter((status) => status !== undefined).length !== 1) {
    report([...path, 'abort'], 'needs exactly one of httpStatus and grpcStatus');
  }
  if (http2Error !== undefined) report([...path, 'abort', 'http2Error'], 'has no effect, as in Istio');
  if (httpStatus !== undefined) checkStatus(httpStatus, [...path, 'abort', 'httpStatus'], report);
  if (grpcStatus !== undefined && !GRPC_STATUSES.has(grpcStatus)) {
    report(
      [...path, 'abort', 'grpcStatus'],
      `${quoted(grpcStatus)} is not the name of a gRPC status`,
      'as UNAVAILABLE',
    );
  }
  checkPercent(percentage?.value, [...path, 'abort', 'percentage'], report);
}

function checkPercent(value: number | undefined, path: Path, report: ReportAt): void {
  if (value !== undefined && (value < 0 || value > 100)) report(path, `${value} is not a percentage`, 'from 0 to 100');
}

function checkMirrors({ mirror, mirrors = [], ...route }: VirtualHttpRoute, path: Path, report: ReportAt): void {
  if (mirror !== undefined) checkDestination(mirror, [...path, 'mirror'], report);
  mirrors.forEach(({ destination, percentage }, index) => {
    checkDestination(destination, [...path, 'mirrors', index, 'destination'], report);
    checkPercent(percentage?.value, [...path, 'mirrors', index, 'percentage'], report);
  });
  const { mirrorPercent, mirror_percent, mirrorPercentage } = route;
  const shares: readonly (readonly [string, Percent | undefined])[] = [
    ['mirrorPercentage', mirrorPercentage],
    ['mirrorPercent', mirrorPercent === undefined ? undefined : { value: mirrorPercent }],
    ['mirror_percent', mirror_percent === undefined ? undefined : { value: mirror_percent }],
  ];
  for (const [field, share] of shares) checkPercent(share?.value, [...path, field], report);
  if (mirrorPercent !== undefined && mirror_percent !== undefined) {
    report([...path, 'mirror_percent'], 'is another way to write mirrorPercent, which is given too');
  }
}

function checkRetries({ retries }: VirtualHttpRoute, path: Path, report: ReportAt): void {
  const { attempts = 0, retryOn = '', retryRemoteLocalities } = retries ?? {};
  if (attempts === 0 && (retryOn !== '' || retryRemoteLocalities !== undefined)) {
    report([...path, 'retries'], 'says what is tried again, and with 0 attempts nothing is', 'give the attempts');
  }
}

function checkCors(policy: VirtualCors, path: Path, report: ReportAt): void {
  (policy.allowOrigins ?? []).forEach((origin, index) => {
    const place = [...path, 'allowOrigins', index];
    checkText(origin, place, false, report);
    if (Object.keys(origin).length === 0 || origin.exact === '') report(place, 'must not be empty');
  });
  (policy.allowMethods ?? []).forEach((method, index) => {
    if (!METHODS.has(method)) report([...path, 'allowMethods', index], `${quoted(method)} is not a method`);
  });
  for (const field of ['allowHeaders', 'exposeHeaders'] as const) {
    (policy[field] ?? []).forEach((name, index) => {
      if (!isHeaderName(name)) report([...path, field, index], `${quoted(name)} is not the name of a header`);
    });
  }
  if (policy.maxAge !== undefined && (istioDurationMs(policy.maxAge) ?? 0) % 1000 !== 0) {
    report([...path, 'maxAge'], 'must be whole seconds');
  }
}
