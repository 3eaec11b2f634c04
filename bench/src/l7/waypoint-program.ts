import type { BedPod } from '@ambit/local/bed/pod';
import type { MeshControl } from './mesh-control.ts';

/** What a waypoint is given to start with. */
export interface WaypointSite {
  /** The pod it runs in. */
  readonly pod: BedPod;
  readonly control: MeshControl;
  readonly serverIp: string;
  /** Folder for what it needs. */
  readonly folder: string;
}

export interface WaypointProcess {
  readonly command: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** Resolves when it says that it is ready; default: the first answer tells. */
  readonly ready?: () => Promise<unknown>;
}

/** A page of a waypoint, inside its pod, and what it must hold. */
export interface Evidence {
  readonly port: number;
  readonly path: string;
  readonly shows: readonly RegExp[];
}

/** A program that can stand between the two tunnel ends. */
export interface WaypointProgram {
  /** What the controller is told beside the pods; undefined for a program that it does not configure. */
  readonly objects: ((serverIp: string) => object) | undefined;
  /** What shows, after some requests of which one was denied and one forged, that everything is on. */
  readonly evidence: readonly Evidence[];
  /** What to run. */
  prepare(site: WaypointSite): Promise<WaypointProcess>;
}
