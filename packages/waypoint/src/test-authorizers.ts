import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import {
  type sendUnaryData,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServiceDefinition,
} from '@grpc/grpc-js';
import { type CheckRequest, CheckRequestSchema, CheckResponseSchema } from '@ambit/proto/ext-authz';
import type { AuthorizationPolicy } from '@ambit/traffic/model/authorization-policy';
import type { Authorizer } from '@ambit/traffic/model/authorizer';
import { type Answer, application, Raw, respond, type Seen } from './test-application.ts';
import type { EndpointBehaviour } from './test-endpoint.ts';
import { clusterName } from './test-models.ts';
import { until } from './test-outside.ts';
import { policy } from './test-policies.ts';
import { start } from './test-start.ts';
import type { TestWaypoint } from './test-waypoint.ts';

// Authorizers outside of the tests' loop: gRPC's and the runtime's own servers.

/** An HTTP authorizer as the controller writes it down, at the endpoints of the subset `authz`. */
export function httpAuthorizer(
  fields: Partial<Authorizer> = {},
  http: Partial<Extract<Authorizer['protocol'], { kind: 'http' }>> = {},
): Authorizer {
  return {
    name: 'opa',
    cluster: clusterName('authz'),
    timeoutMs: 5_000,
    failOpen: false,
    statusOnError: 403,
    clearRouteCache: false,
    body: null,
    protocol: {
      kind: 'http',
      pathPrefix: '',
      requestHeaders: [],
      addedHeaders: [],
      upstreamHeadersOnAllow: [],
      clientHeadersOnDeny: [],
      clientHeadersOnAllow: [],
      ...http,
    },
    ...fields,
  };
}

export function grpcAuthorizer(fields: Partial<Authorizer> = {}): Authorizer {
  return httpAuthorizer({ protocol: { kind: 'grpc', authority: 'opa.shop.svc.cluster.local' }, ...fields });
}

/** A question as an HTTP authorizer got it. */
export interface HttpQuestion {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** What ends with a test. */
const closing: (() => void)[] = [];

export function closeAuthorizers(): void {
  for (const close of closing.splice(0)) close();
}

/** A pod in the mesh with an HTTP authorizer of the runtime's own. */
export async function httpPod(
  answer: (question: HttpQuestion, response: ServerResponse) => void,
): Promise<{ readonly behaviour: EndpointBehaviour; readonly asked: HttpQuestion[] }> {
  const asked: HttpQuestion[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('latin1').on('data', (text: string) => (body += text));
    request.on('end', () => {
      const question = { method: request.method ?? '', path: request.url ?? '', headers: request.headers, body };
      asked.push(question);
      answer(question, response);
    });
    request.on('error', () => undefined);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return { behaviour: before((server.address() as AddressInfo).port), asked };
}

type Response = MessageInitShape<typeof CheckResponseSchema>;
type Answerer = (question: CheckRequest, done: sendUnaryData<Response | Uint8Array>) => void;

const CHECK: ServiceDefinition = {
  Check: {
    path: '/envoy.service.auth.v3.Authorization/Check',
    requestStream: false,
    responseStream: false,
    requestSerialize: (request: CheckRequest) => Buffer.from(toBinary(CheckRequestSchema, request)),
    requestDeserialize: (bytes: Buffer) => fromBinary(CheckRequestSchema, bytes),
    responseSerialize: (response: Response | Uint8Array) =>
      response instanceof Uint8Array
        ? Buffer.from(response)
        : Buffer.from(toBinary(CheckResponseSchema, create(CheckResponseSchema, response))),
    responseDeserialize: (bytes: Buffer) => fromBinary(CheckResponseSchema, bytes),
  },
};

/** A pod in the mesh with a gRPC authorizer. */
export async function grpcPod(answer: Answerer): Promise<{
  readonly behaviour: EndpointBehaviour;
  readonly asked: CheckRequest[];
  readonly cancelled: () => number;
}> {
  const asked: CheckRequest[] = [];
  let cancelled = 0;
  const server = new Server();
  server.addService(CHECK, {
    Check: (call: ServerUnaryCall<CheckRequest, Response | Uint8Array>, done: sendUnaryData<Response | Uint8Array>) => {
      asked.push(call.request);
      call.on('cancelled', () => {
        cancelled += 1;
      });
      answer(call.request, done);
    },
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
  closing.push(() => {
    server.forceShutdown();
  });
  return { behaviour: before(port), asked, cancelled: () => cancelled };
}

/** A pod whose application listens on a port of this machine. */
export function before(port: number): EndpointBehaviour {
  return (tunnel) => {
    const socket = connect(port, '127.0.0.1');
    const pod = new Pod((bytes) => socket.write(bytes));
    pod.endpoint = tunnel.open([], pod);
    socket.on('data', (bytes) => {
      pod.write(bytes.toString('latin1'));
    });
    socket.on('close', () => pod.endpoint?.end());
    socket.on('error', () => undefined);
    pod.onGone = () => socket.destroy();
  };
}

class Pod extends Raw {
  onGone: (() => void) | undefined;
  readonly #take: (bytes: Buffer) => void;

  constructor(take: (bytes: Buffer) => void) {
    super();
    this.#take = take;
  }

  override onBytes(bytes: Buffer, _address: number, start: number, end: number): void {
    this.#take(Buffer.from(bytes.subarray(start, end)));
  }

  override onEnd(): void {
    this.onGone?.();
  }

  override onClose(error: Raw['closed'] extends { error: infer E } | undefined ? E : never): void {
    super.onClose(error);
    this.onGone?.();
  }
}

/** Asks `opa` about everything. */
export const ASK: AuthorizationPolicy = { ...policy('custom'), authorizer: 'opa' };

export interface JudgedBed {
  readonly bed: TestWaypoint;
  readonly seen: Seen[];
}

/** A service behind an authorizer; what its application got. */
export function judged(authz: EndpointBehaviour, authorizer: Authorizer, more: object = {}): JudgedBed {
  const seen: Seen[] = [];
  const bed = start({
    endpoints: {
      'cart-1': application('HTTP/1.1', {
        onComplete: (one) => {
          seen.push(one);
          respond(one, 200, 'hello', ['x-user', 'app']);
        },
      }),
      'authz-1': authz,
    },
    subsets: { authz: ['authz-1'], app: ['cart-1'] },
    action: { destinations: [{ cluster: clusterName('app') }] },
    policies: [ASK],
    authorizers: [authorizer],
    ...more,
  });
  return { bed, seen };
}

export async function settled({ bed }: JudgedBed, answer: Answer): Promise<Answer> {
  await until(bed, () => answer.settled);
  return answer;
}

/** Checks by how they ended. */
export function checks({ bed }: JudgedBed): Record<string, number> {
  const { counters } = bed.thread.metrics.snapshot();
  const samples = counters.filter(({ name }) => name === 'ambit_authorizer_checks_total').flatMap((one) => one.samples);
  return Object.fromEntries(samples.map(({ labels, values }) => [labels.join(' '), values[0] ?? 0]));
}
