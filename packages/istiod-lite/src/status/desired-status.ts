import type { ParentReference } from '@ambit/translation/gateway-objects';
import type { AllocatedAddress } from '@ambit/translation/translate/entries/entry-hosts';
import type { WatchedKind } from '../watch/watched-kinds.ts';
import type { ConditionFacts } from './condition-record.ts';

/** What the status of an object is to say, as far as it is this controller's to say. */
export type DesiredStatus<Kind extends string = WatchedKind> =
  /** Conditions of some types, beside those of others. */
  | (Subject<Kind> & {
      readonly shape: 'conditions';
      /** All types that are this controller's; those without facts are taken away. */
      readonly types: readonly string[];
      readonly conditions: readonly ConditionFacts[];
      /** The schema takes the list as one value: others' conditions must be written with it. */
      readonly atomic: boolean;
      /** Of a ServiceEntry: what was allocated for its hosts. Undefined: what stands there stays. */
      readonly addresses?: readonly AllocatedAddress[];
    })
  /** `ancestors`: the same under the names that policies have for it. */
  | (Subject<Kind> & { readonly shape: 'ancestors' | 'parents'; readonly parents: readonly DesiredParent[] })
  | (Subject<Kind> & {
      readonly shape: 'gateway';
      readonly conditions: readonly ConditionFacts[];
      /** Undefined: what stands there stays. */
      readonly addresses: readonly GatewayAddress[] | undefined;
      readonly listeners: readonly DesiredListener[];
    });

interface Subject<Kind extends string> {
  readonly kind: Kind;
  /** `namespace/name`, or the name of a cluster-wide object. */
  readonly name: string;
  readonly fieldManager: string;
}

/** What became of a route at one of its parents, or of a policy at one of its ancestors. */
export interface DesiredParent {
  readonly parentRef: ParentReference;
  readonly conditions: readonly ConditionFacts[];
}

export interface DesiredListener {
  readonly name: string;
  readonly attachedRoutes: number;
  readonly conditions: readonly ConditionFacts[];
}

export interface GatewayAddress {
  readonly type: 'Hostname' | 'IPAddress';
  readonly value: string;
}

export function statusKey({ kind, name }: { readonly kind: string; readonly name: string }): string {
  return `${kind} ${name}`;
}
