import { AmbitError } from '@ambit/core/errors';
import { type Bed, createBed } from '@ambit/local/bed/bed';
import type { ProxyProgram } from '@ambit/local/bed/proxy';
import { parseFrame } from '@ambit/local/check/capture/packet';
import { systemClock } from '@ambit/core/clock';
import { bedFolder } from '../run/bed-folder.ts';
import { pin } from '../run/programs.ts';
import { chosenByServer } from '../run/server-hello.ts';
import { BENCH_NAMESPACE, BenchPods, CLIENT_CPU, ECHO_PORT, SERVER_CPU, SINK_PORT } from './bench-pods.ts';
import type { L4Carrier, L4Stand, StandOptions } from './l4-stand.ts';

const TUNNEL_PORT = 15008;

const MESHED = `apiVersion: v1
kind: Namespace
metadata:
  name: ${BENCH_NAMESPACE}
  labels:
    istio.io/dataplane-mode: ambient
`;

/** The mesh with one kind of ztunnel on both nodes; without a program, the same pods outside of any mesh. */
export function meshSubject(name: string, program: ProxyProgram | undefined): L4Carrier {
  return { name, cold: program !== undefined, start: (options) => start(program, options) };
}

async function start(program: ProxyProgram | undefined, options: StandOptions): Promise<L4Stand> {
  const folder = bedFolder();
  const bed = await createBed({
    directory: folder.path,
    clock: systemClock,
    ...(program === undefined ? {} : { proxies: { a: program, b: program } }),
    proxyEnvironment: {
      ZTUNNEL_WORKER_THREADS: '1',
      ...(options.cold ? { POOL_MAX_STREAMS_PER_CONNECTION: '1' } : {}),
    },
    report: (error) => console.error(`  ${error.message}`),
  });
  const close = async (): Promise<void> => {
    await bed.close();
    folder.remove();
  };
  try {
    if (program !== undefined) bed.apply('bench', MESHED);
    const pods = await BenchPods.start(bed);
    await bed.settled();
    const echo = { ip: pods.server.ip, port: ECHO_PORT };
    const sink = { ip: pods.server.ip, port: SINK_PORT };
    const proxies = program === undefined ? [] : pinProxies(bed);
    const seen = program === undefined ? undefined : watchHandshakes(bed);
    await pods.generator.firstAnswer('new', echo, { parallel: 1 });
    const tls = await seen?.stop();
    if (program !== undefined) await proveTunnel(bed);
    return {
      proxies,
      ...(tls === undefined ? {} : { tls }),
      accepted: () => pods.accepted(),
      load: (shape, more) => pods.generator.load(shape, shape === 'bulk' ? sink : echo, more),
      hold: (connections) => pods.generator.hold(echo, connections),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Looks for a ServerHello on the link; `stop` says what the last one chose. */
function watchHandshakes(bed: Bed): { stop(): Promise<string | undefined> } {
  let chosen: string | undefined;
  const tap = bed.tap((frame) => {
    const segment = parseFrame(frame)?.tcp;
    if (segment?.sourcePort === TUNNEL_PORT) chosen = chosenByServer(segment.payload) ?? chosen;
  });
  return {
    stop: async () => {
      await tap.stop();
      return chosen;
    },
  };
}

function pinProxies(bed: Bed): number[][] {
  return (['a', 'b'] as const).map((node) => {
    const pid = bed.node(node).proxy.process?.pid;
    return pid === undefined ? [] : pin(pid, node === 'a' ? CLIENT_CPU : SERVER_CPU);
  });
}

/** A figure of traffic that passed by the proxies, or through them in the clear, would be worth nothing. */
async function proveTunnel(bed: Bed): Promise<void> {
  const text = await bed.node('b').proxy.metrics();
  const tunnelled = text
    .split('\n')
    .some((line) => line.startsWith('istio_tcp_connections_opened_total') && line.includes('="mutual_tls"'));
  if (!tunnelled) throw new AmbitError('AMBIT_BENCH_STAND', 'the first connections did not use mutual TLS');
}
