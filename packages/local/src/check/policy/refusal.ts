import { type Sample, sumOf } from '../../start/exposition.ts';
import type { Bench, BenchPodName } from '../bench.ts';
import { demand, eventually } from '../check.ts';
import { CHECK_MARKER, type DialResult, SERVER_PORTS, type ServerPort } from '../clients/options.ts';

/** A policy has to be in force within so many milliseconds. */
const IN_FORCE_WITHIN = 3_000;
/** The proxies hand counters and log lines up within so many milliseconds. */
const VISIBLE_WITHIN = 2_000;
/** No exchange takes longer, in milliseconds. */
const EXCHANGE_TIMEOUT = 3_000;

/** One exchange with the check server by its pod address. */
export function exchange(bench: Bench, from: BenchPodName, port: ServerPort = 'echoOnce'): Promise<DialResult> {
  return bench.pod(from).dial({
    host: bench.pod('server').ip,
    port: SERVER_PORTS[port],
    send: `${CHECK_MARKER}\n`,
    timeout: EXCHANGE_TIMEOUT,
  });
}

/** Whether the server answered. */
export function answered(result: DialResult): boolean {
  return result.ending === 'fin' && result.received.includes(CHECK_MARKER);
}

/** Waits until the server answers, or refuses to, as it should once a change is in force. */
export function settled(
  bench: Bench,
  from: BenchPodName,
  wanted: boolean,
  { port, within = IN_FORCE_WITHIN }: { port?: ServerPort; within?: number } = {},
): Promise<DialResult> {
  const what = `${from} ${wanted ? 'gets an answer' : 'is refused'}${port === undefined ? '' : ` on ${port}`}`;
  return eventually(bench.clock, within, what, async () => {
    const result = await exchange(bench, from, port);
    return answered(result) === wanted ? result : undefined;
  });
}

/**
 * Remembers what the server's node has counted so far. The function that it gives demands that a refusal since then is
 * visible with the policy's name (`namespace/name`): in the access log, as `response_flags="DENY"` and in
 * `ambit_policy_decisions_total`.
 */
export async function watchRefusals(bench: Bench): Promise<(policy: string) => Promise<void>> {
  const node = bench.node('b');
  const since = bench.clock.wallTime();
  const before = await node.metrics();
  return async (policy) => {
    await eventually(bench.clock, VISIBLE_WITHIN, `an access record that names ${policy}`, () =>
      Promise.resolve(node.accessLog(since).find(({ fields }) => fields['policy'] === policy)),
    );
    await eventually(bench.clock, VISIBLE_WITHIN, `metrics that count the refusal by ${policy}`, async () => {
      const after = await node.metrics();
      demand(flagged(after) > flagged(before), 'no connection is counted with response_flags="DENY"');
      demand(decided(after, policy) > decided(before, policy), 'no ambit_policy_decisions_total for it');
      return true;
    });
  };
}

function flagged(samples: readonly Sample[]): number {
  const deny = { response_flags: 'DENY', reporter: 'destination' };
  return (
    sumOf(samples, 'istio_tcp_connections_failed_total', deny) +
    sumOf(samples, 'istio_tcp_connections_closed_total', deny)
  );
}

function decided(samples: readonly Sample[], policy: string): number {
  return sumOf(samples, 'ambit_policy_decisions_total', { policy, decision: 'deny' });
}

/** Applies a manifest, runs, and takes it away again however the run ends. */
export async function withManifest<T>(bench: Bench, name: string, yaml: string, run: () => Promise<T>): Promise<T> {
  bench.apply(name, yaml);
  try {
    return await run();
  } finally {
    bench.remove(name);
  }
}
