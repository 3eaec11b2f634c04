import type { Bench } from '../bench.ts';
import { type Check, demand } from '../check.ts';
import { peerAuthentication } from '../policies.ts';
import { answered, exchange, settled, watchRefusals, withManifest } from './refusal.ts';

/** The policy that the translation of STRICT is known by. */
export const STRICT_POLICY = 'check/converted_peer_authentication_check-mode';

export const strict: Check<Bench> = {
  name: 'STRICT refuses plain text from outside, PERMISSIVE lets it in',
  limit: 30_000,
  run: (bench) =>
    withManifest(bench, 'mode', peerAuthentication('STRICT'), async () => {
      const demandVisible = await watchRefusals(bench);
      const refused = await settled(bench, 'outsider', false);
      demand(answered(await exchange(bench, 'client')), 'STRICT also refuses the meshed client');
      await demandVisible(STRICT_POLICY);
      bench.apply('mode', peerAuthentication('PERMISSIVE'));
      await settled(bench, 'outsider', true);
      return `refused by ${refused.ending}, named ${STRICT_POLICY}; let in under PERMISSIVE`;
    }),
};
