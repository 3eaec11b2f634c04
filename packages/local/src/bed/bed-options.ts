import type { Clock } from '@ambit/core/clock';
import type { AmbitError } from '@ambit/core/errors';
import type { NodeName } from './address-plan.ts';
import type { Image } from './images.ts';
import type { ProxyProgram } from './proxy.ts';

export interface BedOptions {
  /** Empty folder below which everything is written that the bed writes. Whoever made it removes it. */
  readonly directory: string;
  readonly clock: Clock;
  /** Further folders of manifests; they are watched and never written. */
  readonly manifests?: readonly string[];
  /** What stands for container images, by name without tag. */
  readonly images?: Readonly<Record<string, Image>>;
  /** Which proxy each node runs. Default: none, and no controller: links, Services, DNS and probes alone. */
  readonly proxies?: Readonly<Partial<Record<NodeName, ProxyProgram>>>;
  /** Added to the environment of every proxy, and of every waypoint. */
  readonly proxyEnvironment?: Readonly<Record<string, string>>;
  readonly controllerEnvironment?: Readonly<Record<string, string>>;
  /** Unique ids of pods; default random ones. */
  readonly newUid?: () => string;
  /** What goes wrong without ending the bed: a pod that cannot start, a proxy that refuses one. Default: nothing is done. */
  readonly report?: (error: AmbitError) => void;
}
