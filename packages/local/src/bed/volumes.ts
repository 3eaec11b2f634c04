import { mkdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { Clock } from '@ambit/core/clock';
import { AmbitError } from '@ambit/core/errors';
import type { Container, Pod } from '@ambit/translation/objects';
import { TokenFile, type TokenIssuer, type TokenSubject } from './tokens.ts';

/** Where the contents of volumes come from. */
export interface VolumeSources {
  /** Folder of the node's volumes. */
  readonly directory: string;
  readonly issuer: TokenIssuer;
  /** Folder that holds the controller's root certificates as `root-cert.pem` and nothing else. */
  readonly roots: string;
  readonly clock: Clock;
}

/** The parts of the Kubernetes API that are honoured here; whatever else a volume names is refused. */
interface Volume {
  readonly name: string;
  readonly emptyDir?: unknown;
  readonly configMap?: ConfigMapSource;
  readonly projected?: { readonly sources?: readonly ProjectedSource[] };
}

interface ConfigMapSource {
  readonly name?: string;
  readonly items?: unknown;
}

interface ProjectedSource {
  readonly serviceAccountToken?: { readonly path: string; readonly audience?: string };
}

interface VolumeMount {
  readonly name: string;
  readonly mountPath: string;
  readonly subPath?: string;
}

/** The ConfigMap that the controller of a cluster keeps in every namespace. */
const ROOTS_CONFIG_MAP = 'istio-ca-root-cert';

/** Folders that may be mounted on although the machine does not have them. */
const ANYWHERE_BELOW = /^\/(?:var\/)?run\//;

/** The volumes of one pod: tokens of its ServiceAccount, the mesh's roots, empty folders. */
export class PodVolumes {
  readonly #pod: Pod;
  readonly #subject: TokenSubject;
  readonly #sources: VolumeSources;
  readonly #folders = new Map<string, string>();
  readonly #tokens: TokenFile[] = [];

  constructor(pod: Pod, subject: TokenSubject, sources: VolumeSources) {
    this.#pod = pod;
    this.#subject = subject;
    this.#sources = sources;
  }

  /** What a container has mounted: path in the container -> folder shown there. Throws `AMBIT_BED_VOLUME`. */
  mountsOf(container: Container): Record<string, string> {
    const { volumeMounts = [] } = container as Container & { readonly volumeMounts?: readonly VolumeMount[] };
    return Object.fromEntries(volumeMounts.map((mount) => [this.#target(mount), this.#folder(mount.name)]));
  }

  /** Tokens are renewed no more. */
  close(): void {
    for (const token of this.#tokens) token.close();
  }

  #target({ name, mountPath, subPath }: VolumeMount): string {
    if (subPath !== undefined) throw this.#refusal(name, 'subPath is not honoured here');
    if (!ANYWHERE_BELOW.test(mountPath))
      throw this.#refusal(name, 'it can only be mounted below /run or /var/run here');
    return mountPath;
  }

  #folder(name: string): string {
    const known = this.#folders.get(name);
    if (known !== undefined) return known;
    const { volumes = [] } = this.#pod.spec as Pod['spec'] & { readonly volumes?: readonly Volume[] };
    const volume = volumes.find((candidate) => candidate.name === name);
    if (volume === undefined) throw this.#refusal(name, 'the pod has no such volume');
    const folder = this.#make(volume);
    this.#folders.set(name, folder);
    return folder;
  }

  #make({ name, emptyDir, configMap, projected }: Volume): string {
    if (configMap?.name === ROOTS_CONFIG_MAP && configMap.items === undefined) return this.#sources.roots;
    if (emptyDir === undefined && projected === undefined) throw this.#refusal(name, HONOURED);
    const folder = join(this.#sources.directory, this.#subject.pod.uid, name);
    mkdirSync(folder, { recursive: true });
    for (const { serviceAccountToken: token } of projected?.sources ?? []) {
      if (token === undefined) throw this.#refusal(name, HONOURED);
      const path = resolve(folder, token.path);
      mkdirSync(dirname(path), { recursive: true });
      this.#tokens.push(new TokenFile(path, this.#sources.issuer, this.#subject, this.#sources.clock));
    }
    return folder;
  }

  #refusal(volume: string, why: string): AmbitError {
    return new AmbitError('AMBIT_BED_VOLUME', `volume ${volume}: ${why}`, { source: 'configuration' });
  }
}

const HONOURED = `only emptyDir, projected serviceAccountToken and the ConfigMap ${ROOTS_CONFIG_MAP} are honoured here`;
