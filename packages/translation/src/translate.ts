import type { Authorization } from '@ambit/proto/authorization';
import type { ClientCertificate, ServedService } from '@ambit/proto/waypoint';
import type { Address } from '@ambit/proto/workload';
import type { Model } from './model.ts';
import type { Condition } from './translate/condition.ts';
import type { AllocatedAddress } from './translate/entries/entry-hosts.ts';
import { type MeshTranslation, translateMesh } from './translate/mesh.ts';
import { MESH_OBJECTS, type MeshModel } from './translate/mesh-model.ts';
import type { TranslationSettings } from './translate/settings.ts';
import type { WaypointFacts } from './translate/waypoint/gateways.ts';
import { type NamedObjects, translateRoutes } from './translate/waypoint/routes.ts';

/** What was true before and a model does not tell. */
export interface Memory {
  /** `namespace/name` of the waypoints' Gateways that were ready at some time and still exist. */
  readonly waypointsOnceReady: ReadonlySet<string>;
}

const NOTHING: Memory = { waypointsOnceReady: new Set() };

/** What a model means for proxies. Maps are in order of names. */
export interface Translation {
  /** Workloads by uid, Services by `namespace/hostname`. */
  readonly addresses: ReadonlyMap<string, Address>;
  /** By `namespace/name`. */
  readonly authorizations: ReadonlyMap<string, Authorization>;
  /**
   * By `<waypoint namespace>/<waypoint name>/<service namespace>/<hostname>`, those of workloads by
   * `<waypoint namespace>/<waypoint name>/<uid>`: for the waypoint of that name alone.
   */
  readonly servedServices: ReadonlyMap<string, ServedService>;
  /** The Gateways that are waypoints, refused ones too, by `namespace/name`. */
  readonly waypoints: ReadonlyMap<string, WaypointFacts>;
  /** Addresses that hosts of ServiceEntries got, by `namespace/name`: to be kept in their status. */
  readonly allocatedAddresses: ReadonlyMap<string, readonly AllocatedAddress[]>;
  readonly conditions: readonly Condition[];
  readonly named: NamedObjects;
  /** By `<waypoint namespace>/<waypoint name>/<namespace>/<name of the Secret>`, for that waypoint alone. They hold private keys: never shown. */
  readonly clientCertificates: ReadonlyMap<string, ClientCertificate>;
}

/** Translates a whole model. Pure: the same arguments give the same result. */
export function translate(model: Model, settings: TranslationSettings, memory: Memory = NOTHING): Translation {
  return whole(model, settings, translateMesh(model, settings, memory.waypointsOnceReady));
}

/**
 * Translates one model after the other, with the results of `translate`. What node proxies are told is made anew only when
 * an object changed that has a part in it, and is the same maps otherwise: most of the work is there, and routes change
 * without it.
 */
export class Translator {
  readonly #settings: TranslationSettings;
  #last:
    | { readonly model: MeshModel; readonly onceReady: ReadonlySet<string>; readonly mesh: MeshTranslation }
    | undefined;

  constructor(settings: TranslationSettings) {
    this.#settings = settings;
  }

  translate(model: Model, { waypointsOnceReady }: Memory = NOTHING): Translation {
    const last = this.#last;
    if (last !== undefined && sameNames(last.onceReady, waypointsOnceReady) && sameObjects(last.model, model)) {
      return whole(model, this.#settings, last.mesh);
    }
    const mesh = translateMesh(model, this.#settings, waypointsOnceReady);
    this.#last = { model, onceReady: new Set(waypointsOnceReady), mesh };
    return whole(model, this.#settings, mesh);
  }
}

function whole(model: Model, settings: TranslationSettings, mesh: MeshTranslation): Translation {
  const { servedServices, conditions, named, clientCertificates } = translateRoutes(model, settings, mesh);
  const { addresses, authorizations, waypoints, entryHosts } = mesh;
  return {
    named,
    clientCertificates,
    ...{ addresses, authorizations, servedServices, waypoints },
    allocatedAddresses: entryHosts.allocated(),
    conditions: [...mesh.conditions, ...conditions],
  };
}

/** Whether two models consist of the same objects, as far as they have a part in what node proxies are told. */
function sameObjects(one: MeshModel, other: MeshModel): boolean {
  return MESH_OBJECTS.every((kind) => {
    const [before, now]: ReadonlyMap<string, object>[] = [one[kind], other[kind]];
    return before?.size === now?.size && [...(now ?? [])].every(([key, object]) => before?.get(key) === object);
  });
}

function sameNames(one: ReadonlySet<string>, other: ReadonlySet<string>): boolean {
  return one.size === other.size && one.isSubsetOf(other);
}
