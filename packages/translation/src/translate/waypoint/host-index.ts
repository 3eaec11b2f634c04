/** Objects by the hosts that they name, exactly or with a wildcard (`*`, `*.suffix`, `*suffix`). */
export class HostIndex<T> {
  readonly #exact = new Map<string, T[]>();
  readonly #wildcards: { readonly host: string; readonly value: T }[] = [];

  add(host: string, value: T): void {
    if (host.startsWith('*')) {
      this.#wildcards.push({ host, value });
      return;
    }
    const known = this.#exact.get(host);
    if (known === undefined) this.#exact.set(host, [value]);
    else known.push(value);
  }

  /** Those that name exactly this host, in the order of adding. */
  exact(name: string): readonly T[] {
    return this.#exact.get(name) ?? [];
  }

  /** Those whose wildcard takes this host in, in the order of adding. */
  wildcards(name: string): readonly { readonly host: string; readonly value: T }[] {
    return this.#wildcards.filter(({ host }) => hostMatches(host, name));
  }
}

/** Whether a host, possibly with a wildcard, stands for a name. */
export function hostMatches(host: string, name: string): boolean {
  return host.startsWith('*') ? name.endsWith(host.slice(1)) : host === name;
}
