import type { AccessRecord } from '../../start/access-log.ts';
import type { Bench } from '../bench.ts';
import { type Check, demand, eventually, pause } from '../check.ts';
import { CHECK_MARKER, SERVER_PORTS } from '../clients/options.ts';
import { describeCuts, describeFailures, failures } from '../load-report.ts';
import { movingNamespace } from '../manifests.ts';

const HELD = 100;
const RATE = 100;
const MANIFEST = 'moving';
/** A label has to be in force within so many milliseconds. */
const IN_FORCE_WITHIN = 10_000;
/** How long connections are watched before and after the change, in milliseconds. */
const WATCHED = 1_000;

export const labelling: Check<Bench> = {
  name: 'labelling a namespace breaks none of 100 open connections, and every new one is in the mesh',
  limit: 60_000,
  run: async (bench) => {
    await settle(bench, false);
    return change(bench, true);
  },
};

export const unlabelling: Check<Bench> = {
  name: 'unlabelling a namespace breaks none of 100 open connections, and every new one is outside the mesh',
  limit: 60_000,
  run: async (bench) => {
    await settle(bench, true);
    try {
      return await change(bench, false);
    } finally {
      await settle(bench, false);
    }
  },
};

async function change(bench: Bench, labelled: boolean): Promise<string> {
  const load = await bench.pod('mover').load({
    host: bench.serviceAddress('stayer.check-moving'),
    rate: RATE,
    held: HELD,
    messageEvery: 50,
  });
  await pause(bench.clock, WATCHED);
  const since = bench.clock.wallTime();
  bench.apply(MANIFEST, movingNamespace(labelled));
  await inForce(bench, labelled);
  const inForceAt = bench.clock.wallTime();
  await pause(bench.clock, WATCHED);
  const report = await load.stop();
  demand(report.cuts.length === 0, describeCuts(report));
  demand(failures(report).length === 0, describeFailures(report, since));
  await pause(bench.clock, RECORD_AFTER);
  const begun = report.attempts.filter(({ startedAt }) => startedAt >= inForceAt).length;
  const meshed = records(bench, inForceAt, SERVER_PORTS.echoOnce).filter(inMesh).length;
  if (labelled) demand(meshed >= begun, `${begun - meshed} of ${begun} new connections were outside the mesh`);
  // What was begun in the mesh just before may end just after.
  else demand(meshed <= STRAGGLERS, `${meshed} of ${begun} new connections were still in the mesh`);
  return `in force after ${inForceAt - since} ms; ${describeCuts(report)}; ${describeFailures(report, since)}`;
}

/** Brings the namespace into a state and waits until it is there. */
async function settle(bench: Bench, labelled: boolean): Promise<void> {
  bench.apply(MANIFEST, movingNamespace(labelled));
  await inForce(bench, labelled);
}

/** Waits until a new connection is in the mesh (the server's node sees the identity), or is not (it sees nothing). */
function inForce(bench: Bench, labelled: boolean): Promise<true> {
  const what = `new connections are ${labelled ? 'in' : 'outside'} the mesh`;
  return eventually(bench.clock, IN_FORCE_WITHIN, what, async () => {
    const since = bench.clock.wallTime();
    const result = await bench.pod('mover').dial({
      host: bench.serviceAddress('stayer.check-moving'),
      port: SERVER_PORTS.greeting,
      send: `${CHECK_MARKER}\n`,
      endAfterAnswer: true,
      timeout: 5_000,
    });
    demand(result.ending === 'fin', `a new connection ends by ${result.ending}`);
    await pause(bench.clock, RECORD_AFTER);
    const meshed = records(bench, since, SERVER_PORTS.greeting).some(inMesh);
    return meshed === labelled ? true : undefined;
  });
}

/** What the server's node says about connections to one port of `stayer`. */
function records(bench: Bench, since: number, port: number): AccessRecord[] {
  const ending = `:${port}`;
  return bench
    .node('b')
    .accessLog(since)
    .filter(({ fields }) => fields['dst.workload'] === 'stayer')
    .filter(({ fields }) =>
      [fields['dst.hbone_addr'], fields['dst.addr']].some((address) => String(address ?? '').endsWith(ending)),
    );
}

function inMesh({ fields }: AccessRecord): boolean {
  return fields['src.identity'] === IDENTITY;
}

const IDENTITY = 'spiffe://cluster.local/ns/check-moving/sa/mover';
/** Access records come up from the data threads within so many milliseconds. */
const RECORD_AFTER = 300;
/** Connections that may be under way at any moment. */
const STRAGGLERS = 5;
