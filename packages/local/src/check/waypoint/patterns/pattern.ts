import type { Bench } from '../../bench.ts';
import { demand, eventually } from '../../check.ts';
import type { RequestsOptions, RequestsReport } from '../../clients/requests-options.ts';
import { byWaypoint, httpAt } from '../answers.ts';
import { L7_NAMESPACE, WAYPOINT } from '../manifests.ts';

/** The Service whose traffic the patterns shape; `backend-v1` and `backend-v2` are its two versions. */
const SERVICE = `pattern.${L7_NAMESPACE}`;
const MANIFEST = 'check-pattern';
const LOOPS = 16;
/** Milliseconds until a sample shows what was written; a sample may have to wait for what it samples. */
const IN_FORCE_WITHIN = 20_000;

type Asked = Omit<RequestsOptions, 'host' | 'loops' | 'port' | 'total'> & { readonly loops?: number };

/** The traffic of one Service, shaped by one manifest at a time. */
export class PatternBench {
  readonly #bench: Bench;

  private constructor(bench: Bench) {
    this.#bench = bench;
  }

  /** Runs `use` with the traffic, and takes the manifest away again. */
  static async use(bench: Bench, use: (pattern: PatternBench) => Promise<string>): Promise<string> {
    await byWaypoint(bench, SERVICE, WAYPOINT);
    try {
      return await use(new PatternBench(bench));
    } finally {
      bench.remove(MANIFEST);
    }
  }

  get bench(): Bench {
    return this.#bench;
  }

  /** `spec` is YAML of an HTTPRoute's rules, indented by two blanks. */
  httpRoute(rules: string): void {
    this.#bench.apply(
      MANIFEST,
      `apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: pattern, namespace: ${L7_NAMESPACE}}
spec:
  parentRefs: [{group: "", kind: Service, name: pattern, port: 8080}]
  rules:
${rules}`,
    );
  }

  /** `routes` is YAML of a VirtualService's HTTP routes, indented by two blanks. */
  virtualService(routes: string): void {
    this.#bench.apply(
      MANIFEST,
      `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: pattern, namespace: ${L7_NAMESPACE}}
spec:
  hosts: [${SERVICE}.svc.cluster.local]
  http:
${routes}`,
    );
  }

  /** Sends requests to the Service. */
  requests(total: number, asked: Asked = {}): Promise<RequestsReport> {
    return this.#bench.pod('client').requests({ loops: LOOPS, ...asked, ...httpAt(this.#bench, SERVICE), total });
  }

  /** Waits until a sample of requests is as wanted. */
  async inForce(what: string, isWanted: (report: RequestsReport) => boolean, asked: Asked = {}): Promise<void> {
    await eventually(this.#bench.clock, IN_FORCE_WITHIN, what, async () =>
      isWanted(await this.requests(20, asked)) ? true : undefined,
    );
  }

  /** Requests in loops until they are stopped. */
  requesting(): ReturnType<ReturnType<Bench['pod']>['requesting']> {
    return this.#bench.pod('client').requesting({ ...httpAt(this.#bench, SERVICE), loops: 8, pause: 5 });
  }
}

/** Demands a share, both in percent. */
export function demandShare(what: string, share: number, wanted: number, tolerance: number): string {
  const said = `${what}: ${share.toFixed(2)} %`;
  demand(Math.abs(share - wanted) <= tolerance, `${said}, wanted ${wanted} within ${tolerance} points`);
  return said;
}

/** The share of answers with a status, in percent. */
export function shareOfStatus({ answers }: RequestsReport, wanted: number): number {
  return (100 * answers.filter(([, , status]) => status === wanted).length) / Math.max(answers.length, 1);
}
