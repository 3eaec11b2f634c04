import type { Bench } from '../bench.ts';
import { type Check, demand, eventually } from '../check.ts';
import { answered, exchange, settled, withManifest } from '../policy/refusal.ts';
import { authorizationPolicy } from '../policies.ts';

const GUESTS = '{from: [{source: {namespaces: ["check-guests"]}}]}';

/** Wrong text, and what the complaint has to name. */
export const WRONG: readonly { readonly what: string; readonly rule: string; readonly names: string }[] = [
  { what: 'an unknown field', rule: '{form: [{source: {namespaces: ["check-guests"]}}]}', names: 'form' },
  { what: 'a bad CIDR', rule: '{from: [{source: {ipBlocks: ["10.0.0.0/33"]}}]}', names: '10.0.0.0/33' },
  { what: 'port 70000', rule: '{to: [{operation: {ports: ["70000"]}}]}', names: '70000' },
];

export const wrongManifests: Check<Bench> = {
  name: 'a manifest with an unknown field, a bad CIDR or port 70000 is named, and the last good state stays',
  limit: 60_000,
  run: (bench) =>
    withManifest(bench, 'edited', authorizationPolicy('edited', 'DENY', GUESTS), async () => {
      await settled(bench, 'guest', false);
      const complaints: string[] = [];
      for (const { what, rule, names } of WRONG) {
        bench.apply('edited', authorizationPolicy('edited', 'DENY', rule));
        const complaint = await eventually(bench.clock, 3_000, `a complaint about ${what}`, async () =>
          (await bench.controller.problems()).find((problem) => problem.includes('edited') && problem.includes(names)),
        );
        demand(/:\d+/.test(complaint), `no line in: ${complaint}`);
        demand(!answered(await exchange(bench, 'guest')), `${what} undid the policy that stood before`);
        demand(answered(await exchange(bench, 'client')), `${what} stopped other traffic`);
        complaints.push(complaint);
      }
      return complaints.join('; ');
    }),
};
