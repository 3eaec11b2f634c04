import { join } from 'node:path';
import { formatSocketAddress, type SocketAddress } from '@ambit/core/address';
import { systemClock } from '@ambit/core/clock';
import { AmbitError } from '@ambit/core/errors';
import { type Bed, createBed } from '@ambit/local/bed/bed';
import type { BedPod } from '@ambit/local/bed/pod';
import type { NamespacedProcess } from '@ambit/local/bed/process';
import { becomeReady } from '@ambit/local/bed/ready';
import { CALL_PATH } from '../grpc-exchange.ts';
import { PATH } from '../http-exchange.ts';
import { bedFolder } from '../run/bed-folder.ts';
import { Generator } from '../run/generator.ts';
import { logSays, nodeProgram, pin, pinned, widenPorts } from '../run/programs.ts';
import type { Held, Stand } from '../run/stand.ts';
import {
  BACKENDS,
  CANARY,
  CLIENT_ACCOUNT,
  GRPC,
  HTTP,
  identityOf,
  NAMESPACE,
  SERVER_ACCOUNT,
  SERVICE_IP,
  SERVICE_NAME,
  type ServicePort,
  STABLE,
  TUNNEL_PORT,
  WAYPOINT_NAME,
} from './echo-service.ts';
import { watchHandshakes } from './handshakes.ts';
import { MeshControl } from './mesh-control.ts';
import { COLLECTOR_PORT } from './policies.ts';
import { proveFeatures } from './proof.ts';
import type { Tokens } from './tokens.ts';
import type { WaypointProgram } from './waypoint-program.ts';

/** The waypoint has a processor to itself. */
const WAYPOINT_CPU = 1;
const OTHERS_CPU = 0;

/** Where the client's tunnel end listens for the generator. */
const LOCAL: Readonly<Record<ServicePort['name'], SocketAddress>> = {
  http: { ip: '127.0.0.1', port: 15001 },
  grpc: { ip: '127.0.0.1', port: 15002 },
};

/** Characters of the waypoint's log that are shown when it does not answer. */
const LAST_WORDS = 3_000;

/** Milliseconds of requests, a few at a time, that must be shared out as the routes say, and by how much that may differ by chance. */
const PROOF_MS = 800;
const A_FEW = { connections: 4, streams: 4 };
const TOLERATED_POINTS = 5;

/** A stand that can be asked whether it does what it should. */
export interface WaypointStand extends Stand {
  /**
   * Rejects with `AMBIT_BENCH_STAND` unless the waypoint shares out requests as the routes say, and logs them: figures of one
   * that does not do what the other does would be worth nothing. Costs it some thousand requests.
   */
  prove(): Promise<void>;
  /** Begins calls, so many on each of so many connections, and holds them open until `release`. */
  holdStreams(connections: number, streams: number): Promise<Held>;
}

/** Generator, tunnel end, waypoint, tunnel end, servers; without a program the tunnel ends talk to each other. */
export async function startStand(
  program: WaypointProgram | undefined,
  tokens: Tokens | undefined,
): Promise<WaypointStand> {
  const folder = bedFolder();
  const bed = await createBed({ directory: join(folder.path, 'bed'), clock: systemClock });
  const control = new MeshControl(bed, folder.path, OTHERS_CPU);
  const close = async (): Promise<void> => {
    await control.stop();
    await bed.close();
    folder.remove();
  };
  try {
    return { ...(await startChain(bed, control, folder.path, program, tokens)), close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function startChain(
  bed: Bed,
  control: MeshControl,
  folder: string,
  program: WaypointProgram | undefined,
  tokens: Tokens | undefined,
): Promise<Omit<WaypointStand, 'close'>> {
  const server = await startServers(bed);
  const client = await bed.node('a').pod({ name: CLIENT_ACCOUNT, namespace: NAMESPACE });
  const waypoint = await bed.node('b').pod({
    name: WAYPOINT_NAME,
    namespace: NAMESPACE,
    labels: { 'gateway.networking.k8s.io/gateway-name': WAYPOINT_NAME },
  });
  const pods = [client, server, waypoint];
  for (const pod of pods) await widenPorts(pod);
  await bed.settled();
  await control.start(pods, program?.objects?.(server.ip));
  if (control.pid !== undefined) pin(control.pid, OTHERS_CPU);

  await startTunnelEnd(server, 'server', await control.certificate(server), server.ip, []);
  const proxy =
    program === undefined ? undefined : await startWaypoint(program, { pod: waypoint, control, folder, server });
  const seen = program === undefined ? undefined : watchHandshakes(waypoint);
  const through = program === undefined ? server : waypoint;
  const expect = program === undefined ? SERVER_ACCOUNT : WAYPOINT_NAME;
  const authorityOf = ({ name, port }: ServicePort): string =>
    formatSocketAddress(
      program === undefined ? { ip: server.ip, port: STABLE.targetPorts[name] } : { ip: SERVICE_IP, port },
    );
  await startTunnelEnd(client, 'client', await control.certificate(client), through.ip, [
    ...[HTTP, GRPC].map((port) => `${formatSocketAddress(LOCAL[port.name])}=${authorityOf(port)}`),
    ...['--expect', identityOf(expect)],
  ]);
  // What only had certificates from the controller does not need it any more.
  if (program?.objects === undefined) await control.stop();

  const collector = tokens === undefined ? undefined : await startCollector(server);
  const generator = new Generator(client, OTHERS_CPU, tokens?.valid);
  const withLastWords = async (run: () => Promise<void>): Promise<void> => {
    try {
      await run();
    } catch (error) {
      console.error(`  the waypoint's last words:\n${proxy?.output().slice(-LAST_WORDS) ?? ''}`);
      throw error;
    }
  };
  await withLastWords(async () => {
    await generator.firstAnswer('new', LOCAL.http, { parallel: 1 });
    await generator.firstAnswer('grpc', LOCAL.grpc, {});
  });
  const tls = await seen?.stop();
  return {
    proxies: proxy?.pid === undefined ? [] : [pin(proxy.pid, WAYPOINT_CPU)],
    ...(tls === undefined ? {} : { tls }),
    prove: () =>
      withLastWords(async () => {
        if (proxy === undefined || program === undefined) return;
        await proveRoute(generator, proxy);
        if (tokens === undefined || collector === undefined) return;
        const site = { client: client.networkNamespace, waypoint: waypoint.networkNamespace, to: LOCAL.http };
        await proveFeatures(site, { tokens, collector, waypoint: proxy, evidence: program.evidence });
      }),
    load: (shape, options) => generator.load(shape, shape === 'grpc' ? LOCAL.grpc : LOCAL.http, options),
    hold: (connections) => generator.hold(LOCAL.http, connections),
    holdStreams: (connections, streams) => generator.holdStreams(LOCAL.grpc, connections, streams),
  };
}

async function proveRoute(generator: Generator, waypoint: NamespacedProcess): Promise<void> {
  for (const [shape, target] of [
    ['keep-alive', LOCAL.http],
    ['grpc', LOCAL.grpc],
  ] as const) {
    const {
      errors,
      others = 0,
      total,
    } = await generator.load(shape, target, { ...A_FEW, warmUp: 1, measure: PROOF_MS });
    const share = (100 * others) / total;
    if (errors > 0 || Math.abs(share - CANARY.weight) > TOLERATED_POINTS) {
      const found = `${share.toFixed(1)} % of ${total} requests, ${errors} errors`;
      throw new AmbitError(
        'AMBIT_BENCH_STAND',
        `${shape}: ${found} for ${CANARY.name}, which should get ${CANARY.weight} %`,
      );
    }
  }
  for (const path of [PATH, CALL_PATH]) {
    if (!waypoint.output().includes(path)) {
      throw new AmbitError('AMBIT_BENCH_STAND', `the waypoint's access log does not tell of ${path}`);
    }
  }
}

/** Beside the servers, where reports of spans go. */
async function startCollector(pod: BedPod): Promise<NamespacedProcess> {
  const collector = pod.start(pinned(OTHERS_CPU, nodeProgram('../serve/collector'), pod.ip, String(COLLECTOR_PORT)));
  await logSays(collector, 'listening');
  return collector;
}

/** One pod with the servers of both backends. */
function startServers(bed: Bed): Promise<BedPod> {
  const listeners = BACKENDS.flatMap(({ fill, targetPorts }) => [
    `0.0.0.0:${targetPorts.http}=echo:${fill}`,
    `0.0.0.0:${targetPorts.grpc}=grpc:${fill}`,
  ]);
  return bed.node('b').pod({
    name: SERVER_ACCOUNT,
    namespace: NAMESPACE,
    labels: { app: SERVICE_NAME },
    command: pinned(OTHERS_CPU, nodeProgram('../serve/main'), ...listeners),
  });
}

async function startTunnelEnd(
  pod: BedPod,
  role: 'client' | 'server',
  certificates: string,
  peer: string,
  rest: readonly string[],
): Promise<void> {
  const relay = pod.start(
    pinned(OTHERS_CPU, nodeProgram('../hbone-relay'), role, certificates, `${peer}:${TUNNEL_PORT}`, ...rest),
  );
  await logSays(relay, 'ready');
}

async function startWaypoint(
  program: WaypointProgram,
  { pod, control, folder, server }: { pod: BedPod; control: MeshControl; folder: string; server: BedPod },
): Promise<NamespacedProcess> {
  const { command, environment = {}, ready } = await program.prepare({ pod, control, folder, serverIp: server.ip });
  const started = pod.start(['taskset', '-c', String(WAYPOINT_CPU), ...command], { environment });
  if (ready !== undefined) await becomeReady(WAYPOINT_NAME, started, systemClock, ready);
  return started;
}
