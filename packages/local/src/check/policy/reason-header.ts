import type { Bench } from '../bench.ts';
import { type Check, demand, eventually } from '../check.ts';
import { SERVER_PORTS } from '../clients/options.ts';
import { authorizationPolicy } from '../policies.ts';
import { withManifest } from './refusal.ts';

const HBONE_PORT = 15008;
const RULE = '{from: [{source: {namespaces: ["check-guests"]}}]}';

export const reasonHeader: Check<Bench> = {
  name: 'a refused tunnel says why: 401 with the policy in x-ambit-reason',
  limit: 30_000,
  run: async (bench) => {
    const peer = await bench.certificates.own('spiffe://cluster.local/ns/check-guests/sa/guest');
    const { ip } = bench.pod('server');
    const connect = { host: ip, port: HBONE_PORT, peer, authority: `${ip}:${SERVER_PORTS.echoOnce}`, timeout: 5_000 };
    return withManifest(bench, 'deny-namespace', authorizationPolicy('no-guests', 'DENY', RULE), async () => {
      const refusal = await eventually(bench.clock, 3_000, 'CONNECT is refused with 401', async () => {
        const result = await bench.pod('outsider').visit({ ...connect, kind: 'connect' });
        demand(result.status === 401, `answered ${JSON.stringify(result)}`);
        return result;
      });
      demand(refusal.reason?.includes('no-guests') === true, `x-ambit-reason is ${refusal.reason ?? 'missing'}`);
      return `401, x-ambit-reason: ${refusal.reason}`;
    });
  },
};
