/** The families the controller counts: name to help text. Names as in Istio where Istio has them. */
const FAMILIES: Readonly<Record<CounterName, string>> = {
  citadel_server_csr_count: 'Certificate requests received.',
  citadel_server_refusal_count: 'Certificate requests refused, by reason.',
  citadel_server_success_cert_issuance_count: 'Certificates issued.',
  ambit_config_reloads_total: 'Times the configuration changed what is served.',
  ambit_config_file_errors_total: 'Times a configuration file could not be taken.',
  ambit_config_object_errors_total: 'Times an object of the API server could not be taken, by kind.',
  ambit_config_translation_errors_total: 'Times a change of the configuration could not be translated.',
  ambit_kube_write_errors_total: 'Writes to the API server that failed, by what was to be written.',
  ambit_kube_writes_total: 'Writes to the API server, by what was written.',
  ambit_token_reviews_total: 'Questions to the API server who a caller is, by answer.',
  ambit_xds_refusal_count: 'Discovery streams refused, by reason.',
  pilot_total_xds_rejects: 'Responses that a proxy rejected, by type.',
};

export type CounterName =
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
  | 'pilot_total_xds_rejects';

export interface Gauge {
  readonly name: string;
  readonly help: string;
  readonly read: () => number;
}

/** Counters and gauges in the text format of Prometheus. Labels come from small fixed sets of values. */
export class Counters {
  readonly #values = new Map<CounterName, Map<string, number>>();
  readonly #gauges: Gauge[] = [];

  count(name: CounterName, labels: Readonly<Record<string, string>> = {}): void {
    const key = Object.entries(labels)
      .map(([label, value]) => `${label}=${JSON.stringify(value)}`)
      .join(',');
    const family = this.#values.get(name) ?? new Map<string, number>();
    family.set(key, (family.get(key) ?? 0) + 1);
    this.#values.set(name, family);
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
    return `${[...counters, ...gauges].join('\n')}\n`;
  }
}
