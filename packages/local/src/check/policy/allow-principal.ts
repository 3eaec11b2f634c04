import type { Bench } from '../bench.ts';
import { type Check, demand } from '../check.ts';
import { authorizationPolicy } from '../policies.ts';
import { answered, exchange, settled, watchRefusals, withManifest } from './refusal.ts';

const RULE = '{from: [{source: {principals: ["cluster.local/ns/check/sa/client"]}}]}';

export const allowPrincipal: Check<Bench> = {
  name: 'an ALLOW policy by principal lets in that principal and nobody else',
  limit: 30_000,
  run: (bench) =>
    withManifest(bench, 'allow', authorizationPolicy('only-the-client', 'ALLOW', RULE), async () => {
      const demandVisible = await watchRefusals(bench);
      await settled(bench, 'guest', false);
      demand(answered(await exchange(bench, 'client')), 'the named principal is refused too');
      demand(!answered(await exchange(bench, 'outsider')), 'plain text without a principal is let in');
      await demandVisible('check/only-the-client');
      return 'the client passes; another identity and plain text do not';
    }),
};
