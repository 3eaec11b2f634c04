import {
  type HttpMatchSchema,
  type HttpRouteSchema,
  LoadBalancer,
  Protocol,
  type ServedPortSchema,
  ServedServiceSchema,
} from '@ambit/proto/waypoint';
import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { type CompiledPort, type CompiledRoutes, compileService } from './compiled-service.ts';
import { routesOf } from './match/routes-of.ts';
import { readServedService } from './model/read-served-service.ts';
import type { ServedService } from './model/served-service.ts';
import { RequestFacts } from './request/request-facts.ts';

// Short ways to write resources and requests down in tests.

export type ServiceInit = MessageInitShape<typeof ServedServiceSchema>;
export type PortInit = MessageInitShape<typeof ServedPortSchema>;
export type RouteInit = MessageInitShape<typeof HttpRouteSchema>;
export type MatchInit = MessageInitShape<typeof HttpMatchSchema>;

export const CART = 'cart.shop.svc.cluster.local';
export const V1: string = `outbound|80|v1|${CART}`;
export const V2: string = `outbound|80|v2|${CART}`;

/** A service with two subsets and one route to the first, unless told otherwise. */
export function cartService(fields: ServiceInit = {}): ServiceInit {
  return {
    waypointNamespace: 'shop',
    waypointName: 'waypoint',
    namespace: 'shop',
    hostname: CART,
    requiredFeatures: ['http-routes'],
    ports: [{ port: 80, protocol: Protocol.HTTP1, routes: [forwardTo(V1)] }],
    clusters: ['v1', 'v2'].map((subset) => ({
      name: `outbound|80|${subset}|${CART}`,
      namespace: 'shop',
      hostname: CART,
      port: 80,
      protocol: Protocol.HTTP1,
      subset,
      subsetWorkloadUids: [`cluster//Pod/shop/${subset}-a`, `cluster//Pod/shop/${subset}-b`],
      loadBalancer: LoadBalancer.LEAST_REQUEST,
      connectTimeoutMs: 10_000,
    })),
    ...fields,
  };
}

export function forwardTo(cluster: string, matches: MatchInit[] = [], name: string = cluster): RouteInit {
  return { name, matches, action: { case: 'forward', value: { destinations: [{ cluster, weight: 1 }] } } };
}

export function encode(service: ServiceInit): Uint8Array {
  return toBinary(ServedServiceSchema, create(ServedServiceSchema, service));
}

export function read(service: ServiceInit): ServedService {
  return readServedService(encode(service));
}

/** Port 80 of a service, made ready. */
export function compiledPort(fields: PortInit): CompiledPort {
  const port = compileService(read(cartService({ ports: [{ port: 80, ...fields }] }))).ports.get(80);
  if (port === undefined) throw new Error('port 80 is missing');
  return port;
}

/** These routes made ready, as a client gets them that has proven nothing. */
export function portWith(routes: RouteInit[]): CompiledRoutes {
  return routesOf(compiledPort({ protocol: Protocol.HTTP1, routes }), undefined);
}

/** The head of a GET of `path` with further fields as `name: value`. */
export function fieldsOf(path: string, headers: readonly string[] = [], method = 'GET', authority = 'cart'): string[] {
  return [
    ...[':method', method, ':scheme', 'http', ':authority', authority, ':path', path],
    ...headers.flatMap((header) => {
      const colon = header.indexOf(': ');
      return [header.slice(0, colon), header.slice(colon + 2)];
    }),
  ];
}

export function factsOf(...request: Parameters<typeof fieldsOf>): RequestFacts {
  const facts = RequestFacts.read(fieldsOf(...request));
  if (typeof facts === 'string') throw new Error(facts);
  return facts;
}

/** Numbers from 0 to below 1, the same for the same seed (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
