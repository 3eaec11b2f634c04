import type { Bench, BenchNode } from '../bench.ts';
import { type Check, demand, pause } from '../check.ts';
import { describeCuts, describeFailures, failures } from '../load-report.ts';
import { underLoad } from './load.ts';

const RATE = 100;
const HELD = 20;
/** Certificates are renewed at half their life. */
const FULL = { ttl: '40s', every: 20_000, lasts: 120_000 };
/** The CA gives out nothing shorter than ten seconds. */
const SHORT = { ttl: '10s', every: 5_000, lasts: 20_000 };

export const renewal: Check<Bench> = {
  name: 'certificates are renewed again and again under load without an error',
  limit: 240_000,
  run: async (bench) => {
    const { ttl, every, lasts } = bench.full ? FULL : SHORT;
    const nodes = [bench.node('a'), bench.node('b')];
    for (const node of nodes) await node.replaceProxy({ SECRET_TTL: ttl });
    try {
      const serials = new Set<string>();
      const since = bench.clock.wallTime();
      const report = await underLoad(bench, { rate: RATE, held: HELD }, async () => {
        for (let waited = 0; waited < lasts; waited += every / 2) {
          await pause(bench.clock, every / 2);
          for (const node of nodes) for (const serial of await serialNumbers(node)) serials.add(serial);
        }
      });
      demand(failures(report).length === 0, describeFailures(report, since));
      demand(report.cuts.length === 0, describeCuts(report));
      // Client and server are one identity each, on one node each.
      const wanted = 2 * Math.floor(lasts / every);
      demand(serials.size >= wanted, `only ${serials.size} certificates were seen, ${wanted} expected`);
      return `${serials.size} certificates in ${lasts / 1_000} s; ${describeFailures(report, since)}, ${describeCuts(report)}`;
    } finally {
      for (const node of nodes) await node.replaceProxy();
    }
  },
};

interface ConfigDump {
  readonly certificates: readonly {
    readonly identity: string;
    readonly certChain: readonly { readonly serialNumber: string }[];
  }[];
}

/** Serial numbers of the leaves of `check/client` and `check/server` that a proxy holds. */
async function serialNumbers(node: BenchNode): Promise<string[]> {
  const { certificates } = JSON.parse(await node.admin('GET', '/config_dump')) as ConfigDump;
  return certificates
    .filter(({ identity }) => /\/ns\/check\/sa\/(client|server)$/.test(identity))
    .flatMap(({ certChain }) => certChain.slice(0, 1).map(({ serialNumber }) => serialNumber));
}
