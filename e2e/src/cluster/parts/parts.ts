import { cniPlugins, containerd } from './container-runtime.ts';
import { goPart } from './go-part.ts';
import { hyperkube } from './hyperkube.ts';
import { corednsImage, nodeImage, pauseImage } from './images.ts';
import type { Part } from './part.ts';
import { runc } from './runc.ts';

const helm: Part = goPart('helm', 'helm', [{ packages: ['helm.sh/helm/v4/cmd/helm'], to: 'helm' }]);

/** Everything a cluster is made of, the longest build first. What single tests need beside it is theirs, like conformance/parts.ts. */
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
