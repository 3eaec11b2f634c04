import { ClusterPlatform } from './cluster.ts';
import { DirectoryPlatform } from './directory.ts';
import type { Platform, PlatformParts } from './platform.ts';

/** A directory of manifests where one is named, else the cluster. Throws `AMBIT_CONFIG`, `AMBIT_KUBE_CONFIG`. */
export async function openPlatform(parts: PlatformParts): Promise<Platform> {
  return parts.options.configDirs.length > 0 ? await DirectoryPlatform.open(parts) : new ClusterPlatform(parts);
}
