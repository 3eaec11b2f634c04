import type { Bed } from '@ambit/local/bed/bed';
import type { BedPod } from '@ambit/local/bed/pod';
import { Generator } from '../run/generator.ts';
import { nodeProgram, pinned, widenPorts } from '../run/programs.ts';

/** Which processor the client's and the server's node have to themselves. */
export const CLIENT_CPU = 0;
export const SERVER_CPU = 1;

export const ECHO_PORT = 8080;
export const SINK_PORT = 5201;

/** Namespace of the pods. */
export const BENCH_NAMESPACE = 'bench';

/** The client pod on the one node and the server pod, with its servers running, on the other. */
export class BenchPods {
  readonly client: BedPod;
  readonly server: BedPod;
  readonly generator: Generator;

  static async start(bed: Bed): Promise<BenchPods> {
    const addresses = [`0.0.0.0:${ECHO_PORT}`, `0.0.0.0:${SINK_PORT}=sink`];
    const server = await bed.node('b').pod({
      name: 'server',
      namespace: BENCH_NAMESPACE,
      command: pinned(SERVER_CPU, nodeProgram('../serve/main'), ...addresses),
    });
    const client = await bed.node('a').pod({ name: 'client', namespace: BENCH_NAMESPACE });
    for (const pod of [client, server]) await widenPorts(pod);
    return new BenchPods(client, server);
  }

  private constructor(client: BedPod, server: BedPod) {
    this.client = client;
    this.server = server;
    this.generator = new Generator(client, CLIENT_CPU);
  }

  /** Connections accepted in the server pod: one per tunnel connection and one per connection to the server itself. */
  async accepted(): Promise<number> {
    const { stdout } = await this.server.run(['cat', '/proc/net/snmp']);
    return passiveOpens(stdout);
  }
}

/** The counter of RFC 4022 in the kernel's two lines of names and values. */
export function passiveOpens(snmp: string): number {
  const [names = [], values = []] = snmp
    .split('\n')
    .filter((line) => line.startsWith('Tcp:'))
    .map((line) => line.split(' '));
  return Number(values[names.indexOf('PassiveOpens')]);
}
