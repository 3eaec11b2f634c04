import type { MessageInitShape } from '@bufbuild/protobuf';
import type { RewriteSchema } from '@ambit/proto/waypoint';
import type { BackendReference, MirrorFilter, RouteFilter } from '../../gateway-objects.ts';
import type { Backend, ReferenceProblem, ResolvedBackend } from './backends.ts';
import { type CorsInit, readCors } from './cors.ts';
import { type HeaderChangesInit, readHeaderModifier } from './header-changes.ts';
import { readPathModifier } from './path-rewrite.ts';
import { readRedirect, type RouteRedirect } from './redirect.ts';

/** What the filters of a rule, or of one of its backends, do. */
export interface RouteFilters {
  readonly requestHeaders?: HeaderChangesInit;
  readonly responseHeaders?: HeaderChangesInit;
  readonly rewrite?: MessageInitShape<typeof RewriteSchema>;
  readonly redirect?: RouteRedirect;
  readonly cors?: CorsInit;
  readonly mirrors: readonly RouteMirror[];
}

export interface RouteMirror {
  /** Undefined: it does not exist or may not be used, so nothing is sent. */
  readonly target: Backend['target'];
  readonly perMillion: number;
}

export interface FilterReading {
  readonly filters: RouteFilters;
  /** What cannot be honoured, with its path. */
  readonly problems: readonly string[];
  /** Of mirrors. */
  readonly references: readonly ReferenceProblem[];
}

export interface FilterContext {
  /** Where the list stands: `spec.rules[0].filters`. */
  readonly path: string;
  readonly level: 'backend' | 'rule';
  /** What the rule's match has matched, for those that replace it. */
  readonly matchedPrefix: string;
  readonly resolve: (reference: BackendReference) => ResolvedBackend;
}

/** Reads a list of filters, of which each type but mirrors stands there once at most (schema/filter-relations.ts). */
export function readFilters(filters: readonly RouteFilter[], context: FilterContext): FilterReading {
  const readings = filters.map((filter, index) => readFilter(filter, `${context.path}[${index}]`, context));
  return {
    filters: {
      ...Object.assign({}, ...readings.map(({ effect }) => effect ?? {})),
      mirrors: readings.flatMap(({ mirror }) => mirror ?? []),
    } as RouteFilters,
    problems: readings.flatMap(({ problems = [] }) => problems),
    references: readings.flatMap(({ reference }) => reference ?? []),
  };
}

interface OneReading {
  readonly effect?: Omit<RouteFilters, 'mirrors'>;
  readonly mirror?: RouteMirror;
  readonly reference?: ReferenceProblem;
  readonly problems?: readonly string[];
}

function readFilter(filter: RouteFilter, path: string, { level, matchedPrefix, resolve }: FilterContext): OneReading {
  switch (filter.type) {
    case 'RequestHeaderModifier': {
      const { changes, problems } = readHeaderModifier(filter.requestHeaderModifier, `${path}.requestHeaderModifier`);
      return { effect: { requestHeaders: changes }, problems };
    }
    case 'ResponseHeaderModifier': {
      const { changes, problems } = readHeaderModifier(filter.responseHeaderModifier, `${path}.responseHeaderModifier`);
      return { effect: { responseHeaders: changes }, problems };
    }
    case 'RequestRedirect':
      return { effect: { redirect: readRedirect(filter.requestRedirect ?? {}, matchedPrefix) } };
    case 'URLRewrite': {
      const { hostname = '', path: modifier } = filter.urlRewrite ?? {};
      const rewritten = modifier === undefined ? {} : { path: readPathModifier(modifier, matchedPrefix) };
      return { effect: { rewrite: { authority: hostname, ...rewritten } } };
    }
    case 'RequestMirror':
      return filter.requestMirror === undefined ? {} : readMirror(filter.requestMirror, resolve);
    case 'CORS':
      return level === 'rule'
        ? { effect: { cors: readCors(filter.cors ?? {}) } }
        : { problems: [`${path} (CORS): not honoured on a backend`] };
    case 'ExtensionRef':
    case 'ExternalAuth':
      return { problems: [`${path} (${filter.type}): not honoured`] };
  }
}

function readMirror({ backendRef, percent, fraction }: MirrorFilter, resolve: FilterContext['resolve']): OneReading {
  const { backend, problem } = resolve(backendRef);
  const { numerator, denominator = 100 } = fraction ?? { numerator: percent ?? 100 };
  const perMillion = Math.round((numerator / denominator) * 1_000_000);
  return {
    ...(perMillion === 0 ? {} : { mirror: { target: backend.target, perMillion } }),
    ...(problem === undefined ? {} : { reference: problem }),
  };
}
