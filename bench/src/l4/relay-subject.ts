import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '@ambit/core/clock';
import { TestAuthority } from '@ambit/identity/test-authority';
import { createBed } from '@ambit/local/bed/bed';
import type { BedPod } from '@ambit/local/bed/pod';
import { RELAY_IDENTITY } from '../relay-identity.ts';
import { bedFolder } from '../run/bed-folder.ts';
import { logSays, nodeProgram, pinned } from '../run/programs.ts';
import { BenchPods, CLIENT_CPU, ECHO_PORT, SERVER_CPU, SINK_PORT } from './bench-pods.ts';
import type { L4Carrier, L4Stand } from './l4-stand.ts';

export type RelayName = 'hbone-relay' | 'http2-relay';

const TUNNEL_PORT = 15008;
const LOCAL_ECHO = { ip: '127.0.0.1', port: 15001 };
const LOCAL_SINK = { ip: '127.0.0.1', port: 15002 };

/** A pair of bare tunnel relays in the two pods; the generator asks the one beside it. */
export function relaySubject(name: RelayName): L4Carrier {
  return { name, cold: false, start: () => start(name) };
}

async function start(name: RelayName): Promise<L4Stand> {
  const folder = bedFolder();
  await writeCertificates(folder.path);
  const bed = await createBed({ directory: join(folder.path, 'bed'), clock: systemClock });
  const close = async (): Promise<void> => {
    await bed.close();
    folder.remove();
  };
  try {
    const pods = await BenchPods.start(bed);
    await bed.settled();
    const run = async (pod: BedPod, cpu: number, ...rest: string[]): Promise<number[]> => {
      const relay = pod.start(pinned(cpu, nodeProgram(`../${name}`), ...rest));
      await logSays(relay, 'ready');
      return relay.pid === undefined ? [] : [relay.pid];
    };
    const peer = `${pods.server.ip}:${TUNNEL_PORT}`;
    const routes = [
      `${LOCAL_ECHO.ip}:${LOCAL_ECHO.port}=127.0.0.1:${ECHO_PORT}`,
      `${LOCAL_SINK.ip}:${LOCAL_SINK.port}=127.0.0.1:${SINK_PORT}`,
    ];
    const server = await run(pods.server, SERVER_CPU, 'server', folder.path, peer);
    const client = await run(pods.client, CLIENT_CPU, 'client', folder.path, peer, ...routes);
    return {
      proxies: [client, server],
      accepted: () => pods.accepted(),
      load: (shape, more) => pods.generator.load(shape, shape === 'bulk' ? LOCAL_SINK : LOCAL_ECHO, more),
      hold: (connections) => pods.generator.hold(LOCAL_ECHO, connections),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function writeCertificates(folder: string): Promise<void> {
  const authority = await TestAuthority.create();
  const { certificateChainPem, privateKeyPem, rootsPem } = await authority.issue(RELAY_IDENTITY);
  writeFileSync(join(folder, 'cert.pem'), certificateChainPem);
  writeFileSync(join(folder, 'key.pem'), privateKeyPem);
  writeFileSync(join(folder, 'root.pem'), rootsPem);
}
