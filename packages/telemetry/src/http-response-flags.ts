/** What a response flag of a waypoint says. */
export interface HttpFlagFacts {
  readonly meaning: string;
  /** What the client is answered with when nothing of the backend's answer was sent; undefined where the flag alone does not say. */
  readonly status: number | undefined;
}

/**
 * The flags of requests, and of opaque connections, at a waypoint: Envoy's short names, in the order in which Envoy writes
 * several of them.
 */
export const HTTP_FLAGS = [
  'LH',
  'UH',
  'UT',
  'LR',
  'UR',
  'UF',
  'UC',
  'UO',
  'NR',
  'DI',
  'FI',
  'RL',
  'UAEX',
  'RLSE',
  'DC',
  'URX',
  'SI',
  'IH',
  'DPE',
  'UMSDR',
  'DT',
  'UPE',
  'NC',
  'OM',
  'DF',
  'DO',
  'DR',
  'UDO',
] as const;

export type HttpFlag = (typeof HTTP_FLAGS)[number];

export const HTTP_FLAG_FACTS: Readonly<Record<HttpFlag, HttpFlagFacts>> = {
  LH: { meaning: 'the health check of this proxy failed', status: 503 },
  UH: { meaning: 'no healthy endpoint', status: 503 },
  UT: { meaning: 'the endpoint took too long', status: 504 },
  LR: { meaning: 'this proxy reset the connection', status: 503 },
  UR: { meaning: 'the endpoint reset the stream', status: 503 },
  UF: { meaning: 'no connection to the endpoint', status: 503 },
  UC: { meaning: 'the connection to the endpoint ended', status: 503 },
  UO: { meaning: 'a limit of the connection pool or of retries was met', status: 503 },
  NR: { meaning: 'no route matches', status: 404 },
  DI: { meaning: 'a delay was injected', status: undefined },
  FI: { meaning: 'a fault was injected', status: undefined },
  RL: { meaning: 'rate limited', status: 429 },
  UAEX: { meaning: 'external authorization refused', status: 403 },
  RLSE: { meaning: 'the rate limit service failed', status: undefined },
  DC: { meaning: 'the client went away; logged with status 0', status: 0 },
  URX: { meaning: 'no retries left, or no connect attempts of an opaque connection', status: 503 },
  SI: { meaning: 'nothing moved for too long; 408 before the request was complete, else 504', status: undefined },
  IH: { meaning: 'a strictly checked field of the request is invalid', status: 400 },
  DPE: { meaning: 'the request is malformed', status: 400 },
  UMSDR: { meaning: 'the endpoint exceeded the longest duration of a stream', status: undefined },
  DT: { meaning: 'the request or connection exceeded its longest duration', status: undefined },
  UPE: { meaning: 'the response is malformed', status: 502 },
  NC: { meaning: 'the route leads to a service or subset that does not exist', status: 503 },
  OM: { meaning: 'refused by overload protection', status: 503 },
  DF: { meaning: 'the hostname of the endpoint could not be resolved', status: 503 },
  DO: { meaning: 'dropped by overload of the service', status: 503 },
  DR: { meaning: 'the client reset the stream', status: 0 },
  UDO: { meaning: 'dropped without condition by overload of the service', status: 503 },
};
