import type { Drainable } from '@ambit/core/drain';
import type { ParentReference } from '@ambit/translation/gateway-objects';
import type { ManifestProblem } from '@ambit/translation/manifest/problem';
import type { ModelSource } from '@ambit/translation/model';
import type { ObjectKind } from '@ambit/translation/objects';

/** Everything that is configured now. */
export interface Configuration {
  readonly sources: readonly ModelSource[];
  /** Of files and objects that are wrong now; what they held before is among the sources. */
  readonly problems: readonly ManifestProblem[];
  /** Objects of an API server that are wrong now, and wait for their status to say so. */
  readonly refusals: readonly Refusal[];
  /** When the first of the changes since the last one became known, milliseconds of the clock. */
  readonly changedAt: number;
}

/** An object of an API server that cannot be taken as it is now. */
export interface Refusal {
  readonly kind: ObjectKind;
  /** `namespace/name`, or the name of a cluster-wide object. */
  readonly name: string;
  /** Of the object that is refused. */
  readonly generation: number;
  /** `spec.x: what is wrong`, for all fields that are, and what is in force instead. */
  readonly message: string;
  /** Of a route: the parents that it names, as far as they could be read. */
  readonly parents: readonly ParentReference[];
}

/** Where objects come from. Each change of them is handed on as the whole that is in force then. */
export interface ConfigurationSource extends Drainable {
  /** Resolves when everything was read once and handed on; nobody can be served before. */
  start(): Promise<void>;
}
