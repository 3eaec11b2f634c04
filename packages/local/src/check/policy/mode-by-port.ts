import type { Bench } from '../bench.ts';
import { type Check, demand } from '../check.ts';
import { SERVER_PORTS, type ServerPort } from '../clients/options.ts';
import { answered, exchange, settled, withManifest } from './refusal.ts';

type Mode = 'STRICT' | 'PERMISSIVE';

/** The port that a PeerAuthentication speaks of, and another one. */
const NAMED: ServerPort = 'closedPort';
const OTHER: ServerPort = 'echoOnce';

function authentication(name: string, namespace: string, spec: string): string {
  return `{apiVersion: security.istio.io/v1, kind: PeerAuthentication, metadata: {name: ${name}, namespace: ${namespace}}, spec: {${spec}}}`;
}

const mesh = (mode: Mode): string => authentication('default', 'istio-system', `mtls: {mode: ${mode}}`);
const namespace = (mode: Mode): string => authentication('default', 'check', `mtls: {mode: ${mode}}`);
const port = (mode: Mode): string =>
  authentication(
    'port',
    'check',
    `selector: {matchLabels: {app: server}}, portLevelMtls: {${SERVER_PORTS[NAMED]}: {mode: ${mode}}}`,
  );

/** What is written, and whether the named port and the other one are open to those outside of the mesh. */
const CASES: readonly (readonly [string, readonly string[], boolean, boolean])[] = [
  ['the namespace strict, a port permissive', [namespace('STRICT'), port('PERMISSIVE')], true, false],
  ['the mesh strict, a port permissive', [mesh('STRICT'), port('PERMISSIVE')], true, false],
  ['the mesh permissive, a port strict', [mesh('PERMISSIVE'), port('STRICT')], false, true],
  ['the mesh strict, the namespace permissive', [mesh('STRICT'), namespace('PERMISSIVE')], true, true],
  ['the mesh strict', [mesh('STRICT')], false, false],
];

export const modeByPort: Check<Bench> = {
  name: 'STRICT and PERMISSIVE of a port hold before those of the namespace, and those before the mesh’s',
  limit: 90_000,
  run: async (bench) => {
    for (const [what, objects, named, other] of CASES) {
      await withManifest(bench, 'modes', objects.join('\n---\n'), async () => {
        // Both in a row, so that no state on the way is taken for the last one.
        await settled(bench, 'outsider', named, { port: NAMED });
        await settled(bench, 'outsider', other, { port: OTHER });
        const again = answered(await exchange(bench, 'outsider', NAMED));
        demand(again === named, `${what}: the port changes its mind`);
        for (const each of [NAMED, OTHER]) {
          demand(answered(await exchange(bench, 'client', each)), `${what}: the mesh itself is refused on ${each}`);
        }
      });
      await settled(bench, 'outsider', true, { port: NAMED });
      await settled(bench, 'outsider', true, { port: OTHER });
    }
    return CASES.map(([what]) => what).join('; ');
  },
};
