import type { Bench } from '../bench.ts';
import { type Check, demand, eventually } from '../check.ts';
import { CHECK_MARKER, SERVER_PORTS } from '../clients/options.ts';

const IDENTITY = 'spiffe://cluster.local/ns/check/sa/client';

export const clientIdentity: Check<Bench> = {
  name: 'the server side knows the client by its SPIFFE id',
  limit: 20_000,
  run: async (bench) => {
    const since = bench.clock.wallTime();
    const result = await bench.pod('client').dial({
      host: bench.serviceAddress('server.check'),
      port: SERVER_PORTS.echoOnce,
      send: `${CHECK_MARKER}\n`,
      timeout: 5_000,
    });
    demand(result.ending === 'fin', `no answer: ${JSON.stringify(result)}`);
    const record = await eventually(bench.clock, 2_000, 'an access record of the connection at its end', () =>
      Promise.resolve(
        bench
          .node('b')
          .accessLog(since)
          .find(({ fields }) => fields['direction'] === 'inbound' && fields['dst.workload'] === 'server'),
      ),
    );
    demand(record.fields['src.identity'] === IDENTITY, `src.identity is ${record.fields['src.identity'] ?? 'missing'}`);
    const samples = await bench.node('b').metrics();
    const counted = samples.some(
      ({ name, labels }) =>
        name === 'istio_tcp_connections_opened_total' &&
        labels['source_principal'] === IDENTITY &&
        labels['connection_security_policy'] === 'mutual_tls',
    );
    demand(counted, `no istio_tcp_connections_opened_total with source_principal="${IDENTITY}"`);
    return `${IDENTITY}, in the access log and in the metrics`;
  },
};
