import { type AgentFamily, FAMILIES } from './metric-families.ts';

/** The numbers of the agent, in the text format of Prometheus. Label values come from small fixed sets. */
export class AgentMetrics {
  readonly #values = new Map<string, Map<string, number>>();

  count(family: AgentFamily, label?: string, by = 1): void {
    const values = this.#family(family);
    const key = keyOf(family, label);
    values.set(key, (values.get(key) ?? 0) + by);
  }

  set(family: AgentFamily, value: number, label?: string): void {
    this.#family(family).set(keyOf(family, label), value);
  }

  text(): string {
    const lines = FAMILIES.flatMap((family) => [
      `# HELP ${family.name} ${family.help}`,
      `# TYPE ${family.name} ${family.type}`,
      ...[...this.#family(family)].map(([labels, value]) => `${family.name}${labels} ${value}`),
    ]);
    return `${lines.join('\n')}\n`;
  }

  #family({ name, labels }: AgentFamily): Map<string, number> {
    let values = this.#values.get(name);
    if (values === undefined) {
      values = new Map(labels.length === 0 ? [['', 0]] : []);
      this.#values.set(name, values);
    }
    return values;
  }
}

function keyOf({ labels: [name] }: AgentFamily, value: string | undefined): string {
  return name === undefined ? '' : `{${name}=${JSON.stringify(value ?? '')}}`;
}
