import type { Clock } from '@ambit/core/clock';
import type { Drainable } from '@ambit/core/drain';
import type { Logger } from '@ambit/core/log';
import type { AuthorityInForce } from '../ca/authority-in-force.ts';
import type { TokenVerifier } from '../ca/caller.ts';
import type { MeshSnapshot } from '../model/mesh-state.ts';
import type { ReadyWaypoints } from '../model/ready-waypoints.ts';
import type { Options } from '../options.ts';
import type { Counters } from '../serve/counters.ts';
import type { StatusPage } from '../serve/status-server.ts';
import type { Configuration, ConfigurationSource } from '../watch/configuration.ts';

export interface PlatformParts {
  readonly options: Options;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly counters: Counters;
}

/** What the controller runs on: a cluster, or a directory of manifests. All that differs between the two is behind this. */
export interface Platform extends Drainable {
  /** Whether other controllers act on the same objects. */
  readonly inCluster: boolean;
  /** Whether this replica is the one that writes to the API server. */
  readonly leading: boolean;
  /** Whether objects are checked before they are stored. */
  readonly checksObjects: boolean;
  /** Objects beside those of the configuration on which nobody acts, one line each. */
  readonly notHonoured: readonly string[];
  /** Tells callers by their tokens. */
  readonly tokens: TokenVerifier;
  /** Which waypoints were ready at some time. */
  readonly readyWaypoints: ReadyWaypoints;
  /** Pages of the status server, further to those that every controller has. */
  readonly pages: ReadonlyMap<string, () => StatusPage>;
  /** The objects that the mesh is made of. Called once. */
  configuration(onChange: (configuration: Configuration) => void): ConfigurationSource;
  /** The authority that signs for this mesh. */
  openAuthority(): Promise<AuthorityInForce>;
  /** Puts the authority's roots where proxies look for them, at first and whenever they have changed. */
  publishRoots(authority: AuthorityInForce): Promise<void>;
  /** Called with everything that is in force, after each change of it: to act on it where that is the platform's business. */
  act(snapshot: MeshSnapshot): void;
}
