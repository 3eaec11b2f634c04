import { valueOf } from '../labels.ts';
import type { Metadata, Namespace } from '../objects.ts';

/** Label of an object or its namespace: the revision of the control plane that acts on it. */
const REVISION_LABEL = 'istio.io/rev';

/** The revision of a control plane, and of objects, that are given none. */
export const DEFAULT_REVISION = 'default';

/** The revision that acts on an object: its own label, else that of its namespace, else the default. */
export function revisionOf(
  { labels }: Pick<Metadata, 'labels'>,
  namespace: Pick<Namespace, 'metadata'> | undefined,
): string {
  return (
    nonEmpty(valueOf(labels, REVISION_LABEL)) ??
    nonEmpty(valueOf(namespace?.metadata.labels, REVISION_LABEL)) ??
    DEFAULT_REVISION
  );
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}
