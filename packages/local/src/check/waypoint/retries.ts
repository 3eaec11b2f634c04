import type { Bench, BenchPodName } from '../bench.ts';
import { type Check, demand } from '../check.ts';
import { BACKEND_PORTS } from '../clients/requests-options.ts';
import { byWaypoint, demandAllAnswered, describe, httpAt } from './answers.ts';
import { WAYPOINT } from './manifests.ts';

const REQUESTS = 600;
/** Requests at once: as many retries are always within a thread's retry budget. */
const WITHIN_BUDGET = 3;
const SERVICE = 'partly.check-l7';
const BACKENDS: readonly BenchPodName[] = ['backend-v1-a', 'backend-v1-b', 'backend-v2'];

export const brokenBackend: Check<Bench> = {
  name: 'one of three backends refuses connections, or answers 503: the client sees none of it',
  limit: 90_000,
  run: async (bench) => {
    await byWaypoint(bench, SERVICE, WAYPOINT);
    const { host } = httpAt(bench, SERVICE);
    const requests = { host, port: BACKEND_PORTS.http, loops: WITHIN_BUDGET, total: REQUESTS };
    // Without a fault the third answers too: it is not left out for another reason.
    const all = await bench.pod('client').requests(requests);
    demand(answered(all.answers) === 3, `${answered(all.answers)} pods answered, three should`);
    const faulty = await bench.pod('client').requests({ ...requests, path: '/maybe' });
    demandAllAnswered(faulty);
    const refusing = await bench.pod('client').requests({ ...requests, port: BACKEND_PORTS.partly });
    demandAllAnswered(refusing);
    demand(answered(refusing.answers) === 2, `${answered(refusing.answers)} pods answered where two listen`);
    return `refusing: ${describe(refusing)}; 503: ${describe(faulty)}`;
  },
};

const UPLOADS = 20;
/** More than a waypoint keeps of a body, so that nothing could be sent again from memory either. */
const PART = 16_384;
const PARTS = 4;

export const partOfABody: Check<Bench> = {
  name: 'a request whose body was delivered in part is never sent twice, whatever the route retries',
  limit: 90_000,
  run: async (bench) => {
    const service = 'by-subset.check-l7';
    await byWaypoint(bench, service, WAYPOINT);
    const since = bench.clock.wallTime();
    const at = httpAt(bench, service);
    const { endings } = await bench
      .pod('client')
      .upload({ ...at, path: '/cut', count: UPLOADS, part: PART, parts: PARTS, timeout: 30_000 });
    const seen = BACKENDS.flatMap((name) => bench.pod(name).uploads(since)).map(({ upload }) => upload);
    demand(endings.length === UPLOADS, `only ${endings.length} uploads ended`);
    demand(!endings.includes('200'), `an upload that was cut is answered with 200: ${endings.join(', ')}`);
    demand(new Set(seen).size === UPLOADS, `the backends saw ${new Set(seen).size} of ${UPLOADS} uploads`);
    demand(seen.length === UPLOADS, `${seen.length - UPLOADS} of ${UPLOADS} uploads were sent twice`);
    const ends = [...new Set(endings)].map((end) => `${endings.filter((other) => other === end).length} ${end}`);
    return `${UPLOADS} uploads, each seen by one backend; the client got ${ends.join(', ')}`;
  },
};

function answered(answers: readonly (readonly [number, number, number, string, string])[]): number {
  return new Set(answers.map(([, , , , pod]) => pod)).size;
}
