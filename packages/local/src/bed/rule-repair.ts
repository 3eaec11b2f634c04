import type { Clock, Timer } from '@ambit/core/clock';
import { AmbitError } from '@ambit/core/errors';
import { RULE_CHECK_MS } from './limits.ts';
import type { BedNode } from './node.ts';
import type { BedPod } from './pod.ts';

export interface RuleRepairParts {
  readonly clock: Clock;
  readonly nodes: readonly BedNode[];
  readonly pods: () => readonly BedPod[];
  readonly report: (error: AmbitError) => void;
}

/** Keeps the rules of pods and nodes as they were written, whoever changes them. */
export class RuleRepair {
  readonly #parts: RuleRepairParts;
  #timer: Timer | undefined;
  #closed = false;

  constructor(parts: RuleRepairParts) {
    this.#parts = parts;
  }

  /** Looks at them now and again until `close`. */
  begin(): void {
    if (this.#closed) return;
    this.#timer = this.#parts.clock.setTimeout(
      () => {
        this.repair();
        this.begin();
      },
      RULE_CHECK_MS,
      { background: true },
    );
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  /** Looks at all of them once, and mends and reports what is not as written. */
  repair(): void {
    const { nodes, pods, report } = this.#parts;
    for (const pod of pods()) pod.enrolment.repair();
    for (const node of nodes) {
      const problems = node.probes.repair();
      if (problems.length === 0) continue;
      const message = `node ${node.name}: ${problems.join('; ')}: the rules are written again`;
      report(new AmbitError('AMBIT_BED_RULES', message));
    }
  }
}
