import type { Bench } from '../bench.ts';
import { type Check, demand } from '../check.ts';
import { LATE_ANSWER_BYTES, SERVER_PORTS } from '../clients/options.ts';

export const halfClose: Check<Bench> = {
  name: 'a half-closed connection keeps flowing the other way',
  limit: 20_000,
  run: async (bench) => {
    const result = await bench.pod('client').dial({
      host: bench.serviceAddress('server.check'),
      port: SERVER_PORTS.lateAnswer,
      send: 'that was all',
      endAfterSend: true,
      timeout: 10_000,
    });
    demand(
      result.ending === 'fin' && result.receivedBytes === LATE_ANSWER_BYTES,
      `${result.receivedBytes} of ${LATE_ANSWER_BYTES} bytes after the client's end, then ${result.ending}`,
    );
    return `${result.receivedBytes} bytes arrived after the client had ended, then the server's end`;
  },
};
