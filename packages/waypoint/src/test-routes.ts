import type {
  ConsumerRoutes,
  HttpMatch,
  HttpRoute,
  RouteAction,
  WeightedDestination,
} from '@ambit/traffic/model/served-service';

// Short ways to write routes down in tests: what is left out is not asked for.

type Action<Kind extends RouteAction['kind']> = Extract<RouteAction, { kind: Kind }>;

export type TestDestination = Partial<WeightedDestination> & Pick<WeightedDestination, 'cluster'>;

/** Timeout, retry and rewrite may be left out. */
export type TestForward = Omit<Partial<Action<'forward'>>, 'destinations'> & {
  readonly kind: 'forward';
  readonly destinations: readonly TestDestination[];
};

export type TestAction =
  | TestForward
  | (Omit<Action<'direct-response'>, 'contentType'> & { readonly contentType?: string })
  | (Partial<Action<'redirect'>> & { readonly kind: 'redirect' });

export type TestRoute = Omit<Partial<HttpRoute>, 'action' | 'matches'> & {
  readonly action: TestAction;
  readonly matches?: readonly Partial<HttpMatch>[];
};

export type TestConsumer = Omit<ConsumerRoutes, 'routes' | 'tcpDestinations'> & {
  readonly routes: readonly TestRoute[];
  readonly tcpDestinations: readonly TestDestination[];
};

const ANY_REQUEST: HttpMatch = {
  path: null,
  method: null,
  scheme: null,
  authority: null,
  headers: [],
  withoutHeaders: [],
  queryParameters: [],
  source: null,
};

export function routeOf({ action, matches = [], ...rest }: TestRoute): HttpRoute {
  return {
    name: 'default',
    requestHeaders: null,
    responseHeaders: null,
    fault: null,
    cors: null,
    ...rest,
    matches: matches.map((match) => ({ ...ANY_REQUEST, ...match })),
    action: actionOf(action),
  };
}

export function destinationOf(destination: TestDestination): WeightedDestination {
  return {
    weight: 1,
    requestHeaders: null,
    responseHeaders: null,
    rewrite: null,
    redirect: null,
    mirrors: [],
    ...destination,
  };
}

export function consumerOf({ namespace, routes, tcpDestinations }: TestConsumer): ConsumerRoutes {
  return { namespace, routes: routes.map(routeOf), tcpDestinations: tcpDestinations.map(destinationOf) };
}

function actionOf(action: TestAction): RouteAction {
  switch (action.kind) {
    case 'forward':
      return {
        timeoutMs: 0,
        retry: null,
        rewrite: null,
        mirrors: [],
        session: null,
        ...action,
        destinations: action.destinations.map(destinationOf),
      };
    case 'direct-response':
      return { contentType: 'text/plain', ...action };
    case 'redirect':
      return { status: 302, scheme: '', hostname: '', port: 'as-requested', path: null, ...action };
  }
}
