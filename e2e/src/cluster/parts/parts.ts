import { cniPlugins, containerd } from './container-runtime.ts';
import { goPart } from './go-part.ts';
import { hyperkube } from './hyperkube.ts';
import { corednsImage, nodeImage, pauseImage } from './images.ts';
import type { Part } from './part.ts';
import { runc } from './runc.ts';

const helm: Part = goPart('helm', 'helm', [{ packages: ['helm.sh/helm/v4/cmd/helm'], to: 'helm' }]);

/**
 * Everything a cluster is made of, the longest build first. A further program for tests, such as the Gateway API's
 * conformance suite, is one more folder below e2e/cluster-build and one more row here.
 */
export const PARTS: readonly Part[] = [
  hyperkube,
  containerd,
  runc,
  cniPlugins,
  helm,
  pauseImage,
  corednsImage,
  nodeImage(process.execPath, process.version),
];
