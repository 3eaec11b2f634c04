/** Something that lives long and is stopped with the two shutdown verbs; both may be called any number of times. */
export interface Drainable {
  /** Takes no new work and resolves when what was accepted is finished, or cut after `deadline` milliseconds. */
  close(options: { deadline: number }): Promise<void>;
  /** Cuts everything now. */
  destroy(error?: Error): void;
}

/**
 * The parts of a program in the order in which they were started. Closing stops them in reverse order, so that
 * nothing is stopped while something started later still uses it.
 */
export class DrainTree implements Drainable {
  #parts: { name: string; part: Drainable }[] = [];
  #closing: Promise<void> | undefined;

  add<Part extends Drainable>(name: string, part: Part): Part {
    this.#parts.push({ name, part });
    return part;
  }

  /** The names of the parts, in starting order. */
  names(): string[] {
    return this.#parts.map(({ name }) => name);
  }

  close(options: { deadline: number }): Promise<void> {
    this.#closing ??= this.#closeParts(options);
    return this.#closing;
  }

  destroy(error?: Error): void {
    for (const { part } of this.#parts.toReversed()) part.destroy(error);
  }

  async #closeParts(options: { deadline: number }): Promise<void> {
    for (const { part } of this.#parts.toReversed()) await part.close(options);
  }
}
