import type { Bench } from '../bench.ts';
import { type Check, demand } from '../check.ts';
import { CHECK_MARKER, SERVER_PORTS } from '../clients/options.ts';

const EXCHANGES = 20;
const EXCHANGE_TIMEOUT = 5_000;

export const linkCapture: Check<Bench> = {
  name: 'between meshed pods the link carries nothing but TLS 1.3 to or from 15008, and never the marker',
  limit: 30_000,
  run: async (bench) => {
    // A new proxy has no open tunnels, so that the capture sees every one from its first byte.
    await bench.node('a').replaceProxy();
    const capture = bench.watchLink();
    for (let n = 0; n < EXCHANGES; n++) {
      for (const port of [SERVER_PORTS.echoOnce, SERVER_PORTS.lateAnswer]) {
        const result = await bench.pod('client').dial({
          host: bench.serviceAddress('server.check'),
          port,
          send: `${CHECK_MARKER}\n`,
          endAfterSend: true,
          timeout: EXCHANGE_TIMEOUT,
        });
        demand(result.ending === 'fin' && result.receivedBytes > 0, `no answer: ${JSON.stringify(result)}`);
      }
    }
    // Plain text by intention, to show that the capture is not blind.
    await bench.pod('outsider').dial({
      host: bench.pod('server').ip,
      port: SERVER_PORTS.echoOnce,
      send: `${CHECK_MARKER}\n`,
      timeout: EXCHANGE_TIMEOUT,
    });
    const report = await capture.stop();
    demand(report.problems.length === 0, report.problems.join('; '));
    demand(report.tunnels > 0, 'no tunnel was seen from its begin');
    demand(report.markersOutside > 0, 'the capture is blind: it did not even see the plain text of the outsider');
    return `${report.meshedPackets} packets, ${report.tunnels} tunnels, ${report.tlsRecords} TLS records, no plain text`;
  },
};
