import type { Bench } from '../bench.ts';
import { type Check, demand } from '../check.ts';
import { SERVER_PORTS } from '../clients/options.ts';
import { authorizationPolicy } from '../policies.ts';
import { answered, exchange, settled, watchRefusals, withManifest } from './refusal.ts';

const RULE = `{to: [{operation: {ports: ["${SERVER_PORTS.closedPort}"]}}]}`;

export const denyPort: Check<Bench> = {
  name: 'a DENY policy by port closes that port and no other',
  limit: 30_000,
  run: (bench) =>
    withManifest(bench, 'deny-port', authorizationPolicy('closed-port', 'DENY', RULE), async () => {
      const demandVisible = await watchRefusals(bench);
      await settled(bench, 'client', false, { port: 'closedPort' });
      demand(answered(await exchange(bench, 'client')), 'the other port is closed too');
      demand(!answered(await exchange(bench, 'outsider', 'closedPort')), 'plain text gets to the closed port');
      await demandVisible('check/closed-port');
      return `port ${SERVER_PORTS.closedPort} closed for both, ${SERVER_PORTS.echoOnce} open`;
    }),
};
