import { type LoadReport, SERVER_PORTS } from '@ambit/local/check/clients/options';
import { describeCuts, describeFailures, failures, latency } from '@ambit/local/check/load-report';
import type { Bench, RunningLoad } from './bench.ts';
import { IDLE, workloadObjects } from './check-pods.ts';
import { checkCommand, checkProgramsObject } from './check-programs.ts';

/** New connections a second of each protocol from each of the two nodes: 500 in all. */
const RATE = 84;
const PROTOCOLS = ['http1', 'http2', 'tcp'] as const;
/** From the word to kill to the end of the process and of all its connections, milliseconds at most. */
const KILL_TAKES = 100;

interface OneLoad {
  readonly near: string;
  readonly far: string;
  readonly protocol: (typeof PROTOCOLS)[number];
}

/** What was seen from both sides. */
export interface TwoWayReport {
  readonly attempts: number;
  /** Without those that were under way when something was killed: what it held is lost with it. */
  readonly failed: number;
  /** Those that were. */
  readonly lost: number;
  /** Failed ones that were ended in order without an answer: only a program does that, a proxy that fails resets. */
  readonly farewells: number;
  /** Those that began after a moment, milliseconds since the epoch. */
  readonly failedSince: (moment: number) => number;
  readonly cut: number;
  /** In words, for whoever reads a failed test. */
  readonly described: string;
}

/**
 * A client and servers on each of two nodes of a namespace that is in the mesh; half of the load goes one way and half the
 * other, a third of it HTTP/1.1, a third HTTP/2 and a third lines over TCP, so that whatever happens on a node concerns it as client's and as server's.
 */
export class TwoWayLoad {
  readonly #bench: Bench;
  readonly #namespace: string;
  readonly #sides: readonly (readonly [near: string, far: string])[];

  /** On the first two nodes of the cluster, with two servers on each. */
  static async deployed(bench: Bench, namespace: string): Promise<TwoWayLoad> {
    const load = new TwoWayLoad(bench, namespace, await bench.nodes());
    await load.#deploy(2);
    return load;
  }

  private constructor(bench: Bench, namespace: string, nodes: readonly string[]) {
    const [first = '', second = first] = nodes;
    this.#bench = bench;
    this.#namespace = namespace;
    this.#sides = [
      [first, second],
      [second, first],
    ];
  }

  /** `replicas`: servers on each node. */
  async #deploy(replicas: number): Promise<void> {
    const namespace = this.#namespace;
    const server = { namespace, replicas, command: checkCommand('server', 'graceful'), readyPort: SERVER_PORTS.echo };
    const labels = { 'istio.io/dataplane-mode': 'ambient' };
    await this.#bench.apply([
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace, labels } },
      checkProgramsObject(namespace),
      ...this.#sides.flatMap(([near]) => [
        ...workloadObjects({ namespace, name: `client-${near}`, node: near, command: IDLE }),
        ...workloadObjects({ ...server, name: `server-${near}`, node: near, graceSeconds: 10 }, SERVER_PORTS),
      ]),
    ]);
    await this.#bench.rolledOut(namespace, ...this.#sides.flatMap(([near]) => [`client-${near}`, `server-${near}`]));
    await Promise.all(
      this.#sides.map(([near, far]) =>
        this.#bench.reachable(namespace, `client-${near}`, `server-${far}.${namespace}`),
      ),
    );
  }

  /** Names of the servers' Deployments. */
  get servers(): string[] {
    return this.#sides.map(([near]) => `server-${near}`);
  }

  /**
   * Loads both ways for `duration` milliseconds while something happens, a second after the beginning. `kills` is told of
   * every moment at which something is killed. Throws when one of the loads got nothing through at all: who dials nobody
   * loses nothing.
   */
  async during(
    duration: number,
    happen: (kills: { now: () => void }) => Promise<void>,
    held = 0,
  ): Promise<TwoWayReport> {
    const wanted = this.#sides.flatMap(([near, far]) => PROTOCOLS.map((protocol) => ({ near, far, protocol })));
    const loads = await Promise.all(wanted.map((one) => this.#load(one, duration, held)));
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    const since = Date.now();
    const moments: number[] = [];
    await happen({ now: () => moments.push(Date.now()) });
    const took = Date.now() - since;
    const reports = await Promise.all(loads.map(({ report }) => report));
    const failed = reports.flatMap((report) => failures(report));
    const described = `it took ${took} ms; ${reports.map((report, index) => `${wanted[index]?.protocol ?? ''}: ${describe(report, since)}`).join('; ')}`;
    if (reports.some((report) => report.attempts.length === failures(report).length)) {
      throw new Error(`a load has reached nobody: ${described}`);
    }
    const lost = failed.filter(({ startedAt, endedAt }) =>
      moments.some((moment) => startedAt <= moment + KILL_TAKES && moment <= endedAt),
    );
    return {
      attempts: reports.reduce((sum, { attempts }) => sum + attempts.length, 0),
      failed: failed.length - lost.length,
      lost: lost.length,
      farewells: failed.filter(({ failure }) => failure?.startsWith('end ') === true).length,
      failedSince: (moment) => failed.filter(({ startedAt }) => startedAt >= moment).length,
      cut: reports.reduce((sum, { cuts }) => sum + cuts.length, 0),
      described,
    };
  }

  async #load({ near, far, protocol }: OneLoad, duration: number, held: number): Promise<RunningLoad> {
    const host = `server-${far}.${this.#namespace}`;
    // What stays open is the same whatever the new ones speak.
    const options = { host, rate: RATE, protocol, held: protocol === 'tcp' ? held : 0, duration };
    return await this.#bench.load(this.#namespace, `client-${near}`, options);
  }
}

function describe(report: LoadReport, since: number): string {
  const times = `p50 ${latency(report, 0.5).toFixed(1)} ms, p99 ${latency(report, 0.99).toFixed(1)} ms`;
  const open = report.held === 0 ? '' : `, ${describeCuts(report)}`;
  return `${describeFailures(report, since)}, ${times}${open}`;
}
