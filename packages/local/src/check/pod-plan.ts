/** A pod of the checks. */
export interface PodPlan {
  readonly namespace: string;
  readonly node: string;
  /** Without one the pod is a place to run programs in. */
  readonly program?: 'backend' | 'payments' | 'server';
  /** Label `app`; default: the pod's name. */
  readonly app?: string;
  /** Label, and what the program is told. */
  readonly version?: 'v1' | 'v2';
  /** Further options of the program. */
  readonly options?: object;
}
