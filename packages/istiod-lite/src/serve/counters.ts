/** The families the controller counts: name to help text. Names as in Istio where Istio has them. */
const FAMILIES: Readonly<Record<CounterName, string>> = {
  ambit_ca_changes_total: 'Times another authority was plugged in, by whether it was taken.',
  citadel_server_csr_count: 'Certificate requests received.',
  citadel_server_refusal_count: 'Certificate requests refused, by reason.',
  citadel_server_success_cert_issuance_count: 'Certificates issued.',
  ambit_config_reloads_total: 'Times the configuration changed what is served.',
  ambit_config_file_errors_total: 'Times a configuration file could not be taken.',
  ambit_config_object_errors_total: 'Times an object of the API server could not be taken, by kind.',
  ambit_config_translation_errors_total: 'Times a change of the configuration could not be translated.',
  galley_validation_failed: 'Objects that the admission webhook has refused.',
  galley_validation_http_error: 'Questions to the admission webhook that could not be answered, by status.',
  galley_validation_passed: 'Objects that the admission webhook has let in.',
  ambit_kube_write_errors_total: 'Writes to the API server that failed, by what was to be written.',
  ambit_kube_writes_total: 'Writes to the API server, by what was written.',
  ambit_token_reviews_total: 'Questions to the API server who a caller is, by answer.',
  ambit_xds_refusal_count: 'Discovery streams refused, by reason.',
  pilot_total_xds_rejects: 'Responses that a proxy rejected, by type.',
};

export type CounterName =
  | 'ambit_ca_changes_total'
  | 'ambit_config_file_errors_total'
  | 'ambit_config_object_errors_total'
  | 'ambit_config_reloads_total'
  | 'ambit_config_translation_errors_total'
  | 'ambit_kube_write_errors_total'
  | 'ambit_kube_writes_total'
  | 'ambit_token_reviews_total'
  | 'ambit_xds_refusal_count'
  | 'citadel_server_csr_count'
  | 'citadel_server_refusal_count'
  | 'citadel_server_success_cert_issuance_count'
  | 'galley_validation_failed'
  | 'galley_validation_http_error'
  | 'galley_validation_passed'
  | 'pilot_total_xds_rejects';

/** Distributions: name to help text and the upper ends of the buckets. */
const DISTRIBUTIONS = {
  pilot_proxy_convergence_time: {
    help: 'Seconds from a change of the configuration to its acceptance by a proxy, by type.',
    // Finer than Istio's, which begin at 0.1.
    bounds: [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1, 3, 5, 10, 20, 30],
  },
} as const;

export type DistributionName = keyof typeof DISTRIBUTIONS;

interface Distribution {
  /** One more than there are bounds. */
  readonly counts: number[];
  sum: number;
}

export interface Gauge {
  readonly name: string;
  readonly help: string;
  readonly read: () => number;
}

/** Counters and gauges in the text format of Prometheus. Labels come from small fixed sets of values. */
export class Counters {
  readonly #values = new Map<CounterName, Map<string, number>>();
  readonly #distributions = new Map<DistributionName, Map<string, Distribution>>();
  readonly #gauges: Gauge[] = [];

  count(name: CounterName, labels: Readonly<Record<string, string>> = {}): void {
    const key = written(labels);
    const family = this.#values.get(name) ?? new Map<string, number>();
    family.set(key, (family.get(key) ?? 0) + 1);
    this.#values.set(name, family);
  }

  /** `value` in the unit that the name says. */
  observe(name: DistributionName, value: number, labels: Readonly<Record<string, string>> = {}): void {
    const { bounds } = DISTRIBUTIONS[name];
    const family = this.#distributions.get(name) ?? new Map<string, Distribution>();
    this.#distributions.set(name, family);
    const key = written(labels);
    const known = family.get(key) ?? { counts: Array<number>(bounds.length + 1).fill(0), sum: 0 };
    family.set(key, known);
    const place = bounds.findIndex((bound) => value <= bound);
    const index = place < 0 ? bounds.length : place;
    known.counts[index] = (known.counts[index] ?? 0) + 1;
    known.sum += value;
  }

  gauge(gauge: Gauge): void {
    this.#gauges.push(gauge);
  }

  text(): string {
    const counters = (Object.keys(FAMILIES) as CounterName[]).flatMap((name) => [
      `# HELP ${name} ${FAMILIES[name]}`,
      `# TYPE ${name} counter`,
      ...[...(this.#values.get(name) ?? [['', 0] as const])].map(
        ([labels, value]) => `${name}${labels === '' ? '' : `{${labels}}`} ${value}`,
      ),
    ]);
    const gauges = this.#gauges.flatMap(({ name, help, read }) => [
      `# HELP ${name} ${help}`,
      `# TYPE ${name} gauge`,
      `${name} ${read()}`,
    ]);
    return `${[...counters, ...this.#distributionLines(), ...gauges].join('\n')}\n`;
  }

  #distributionLines(): string[] {
    return (Object.keys(DISTRIBUTIONS) as DistributionName[]).flatMap((name) => {
      const { help, bounds } = DISTRIBUTIONS[name];
      const lines = [...(this.#distributions.get(name) ?? [])].flatMap(([labels, { counts, sum }]) => {
        let total = 0;
        const buckets = counts.map((count, index) => {
          total += count;
          return `${name}_bucket{${labels}${labels === '' ? '' : ','}le="${bounds[index] ?? '+Inf'}"} ${total}`;
        });
        const braced = labels === '' ? '' : `{${labels}}`;
        return [...buckets, `${name}_sum${braced} ${sum}`, `${name}_count${braced} ${total}`];
      });
      return [`# HELP ${name} ${help}`, `# TYPE ${name} histogram`, ...lines];
    });
  }
}

function written(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([label, value]) => `${label}=${JSON.stringify(value)}`)
    .join(',');
}
