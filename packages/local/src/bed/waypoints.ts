import type { Gateway } from '@ambit/translation/gateway-objects';
import { DEFAULT_SETTINGS } from '@ambit/translation/translate/settings';
import { WAYPOINT_CLASSES } from '@ambit/translation/translate/waypoint/deployed-names';
import { waypointImage, waypointObjects } from '@ambit/translation/waypoint-objects';
import type { ManifestStore } from './manifests.ts';

/** The image is of no release: the bed runs what is built, whatever the tag says. One pod, as the machine is one. */
const SETTINGS = { ...DEFAULT_SETTINGS, image: waypointImage('0.1.0'), replicas: 1 };

/**
 * Deploys waypoints: what a Gateway of their class becomes stands as a manifest in the bed's own folder, so that
 * controller, pods, Services and DNS see it like every other, and goes when the Gateway goes.
 */
export class Waypoints {
  readonly #store: ManifestStore;
  /** What is written, by the name of its manifest. */
  readonly #written = new Map<string, string>();

  constructor(store: ManifestStore) {
    this.#store = store;
  }

  /** Makes the manifests what the Gateways ask for; whether that changed any. */
  update(gateways: Iterable<Gateway>): boolean {
    const wanted = new Map<string, string>();
    for (const gateway of gateways) {
      if (!WAYPOINT_CLASSES.includes(gateway.spec.gatewayClassName)) continue;
      wanted.set(manifestName(gateway), manifestOf(gateway));
    }
    let changed = false;
    for (const name of this.#written.keys()) {
      if (wanted.has(name)) continue;
      this.#store.remove(name);
      this.#written.delete(name);
      changed = true;
    }
    for (const [name, text] of wanted) {
      if (this.#written.get(name) === text) continue;
      this.#store.put(name, text);
      this.#written.set(name, text);
      changed = true;
    }
    return changed;
  }
}

/** Names of objects hold no underscore, so that no two Gateways share a manifest. */
function manifestName({ metadata }: Gateway): string {
  return `waypoint_${metadata.namespace}_${metadata.name.replaceAll('.', '__')}`;
}

function manifestOf(gateway: Gateway): string {
  const { serviceAccount, deployment, service } = waypointObjects(gateway, SETTINGS);
  return JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [serviceAccount, service, deployment] }, null, 1);
}
