import type { Bench } from '../bench.ts';
import { type Check, demand } from '../check.ts';
import { authorizationPolicy } from '../policies.ts';
import { answered, exchange, settled, watchRefusals, withManifest } from './refusal.ts';

const RULE = '{from: [{source: {namespaces: ["check-guests"]}}]}';

export const denyNamespace: Check<Bench> = {
  name: 'a DENY policy by namespace refuses that namespace and nobody else',
  limit: 30_000,
  run: (bench) =>
    withManifest(bench, 'deny-namespace', authorizationPolicy('no-guests', 'DENY', RULE), async () => {
      const demandVisible = await watchRefusals(bench);
      await settled(bench, 'guest', false);
      demand(answered(await exchange(bench, 'client')), 'another namespace is refused too');
      await demandVisible('check/no-guests');
      bench.remove('deny-namespace');
      await settled(bench, 'guest', true);
      return 'refused while the policy stands, let in without it';
    }),
};
