import { KubeError } from './kube-error.ts';
import { isFields, keptObject } from './kube-object.ts';
import { LIST_PAGE_OBJECTS, LIST_PAGES, LIST_RESTARTS } from './limits.ts';
import type { KubeObject, Resource } from './resource.ts';
import { unusableAnswer } from './status-error.ts';

export interface ListedObjects {
  readonly items: KubeObject[];
  readonly resourceVersion: string;
}

/** Asks for one page; `continued` is the token of the page before. Resolves with the parsed answer, rejects with `KubeError`. */
export type PageRequest = (query: { limit: number; continued: string | undefined }) => Promise<unknown>;

/** A page is made smaller by this factor when the answer was too large. */
const SHRINK = 8;

/**
 * Reads a collection in pages, all of one snapshot. When the snapshot expires between two pages (410) it starts again;
 * pages too large for an answer are asked for again with fewer objects. Rejects with `KubeError`.
 */
export async function listInPages(resource: Resource, action: string, request: PageRequest): Promise<ListedObjects> {
  for (let restarts = 0; ; restarts += 1) {
    try {
      return await listOnce(resource, action, request);
    } catch (error) {
      const expired = error instanceof KubeError && error.code === 'AMBIT_KUBE_GONE';
      if (!expired || restarts >= LIST_RESTARTS) throw error;
    }
  }
}

async function listOnce(resource: Resource, action: string, request: PageRequest): Promise<ListedObjects> {
  const items: KubeObject[] = [];
  let limit = LIST_PAGE_OBJECTS;
  let continued: string | undefined;
  for (let pages = 0; pages < LIST_PAGES; ) {
    let answer: unknown;
    try {
      answer = await request({ limit, continued });
    } catch (error) {
      if (!(error instanceof KubeError) || error.reason !== 'ResponseTooLarge' || limit === 1) throw error;
      limit = Math.max(1, Math.floor(limit / SHRINK));
      continue;
    }
    pages += 1;
    const page = readPage(resource, action, answer);
    for (const item of page.items) items.push(item);
    if (page.continued === '') return { items, resourceVersion: page.resourceVersion };
    continued = page.continued;
  }
  throw unusableAnswer(action, 'ResponseTooLarge', `the list has more than ${LIST_PAGES} pages`);
}

/** The resourceVersion of a list. Throws `KubeError` when the answer is no list. */
export function versionOfList(action: string, answer: unknown): string {
  const metadata = isFields(answer) && isFields(answer.metadata) ? answer.metadata : {};
  const { resourceVersion } = metadata;
  if (typeof resourceVersion === 'string' && resourceVersion !== '') return resourceVersion;
  throw unusableAnswer(action, 'MalformedResponse', 'the answer is no list with a resourceVersion');
}

function readPage(resource: Resource, action: string, answer: unknown): ListedObjects & { readonly continued: string } {
  const resourceVersion = versionOfList(action, answer);
  const { metadata, items: listed } = answer as { metadata: { continue?: unknown }; items?: unknown };
  const { continue: continued = '' } = metadata;
  if (typeof continued !== 'string' || (listed !== undefined && listed !== null && !Array.isArray(listed))) {
    throw unusableAnswer(action, 'MalformedResponse', 'the list has no items, or no readable end');
  }
  const items = ((listed ?? []) as readonly unknown[]).map((item) => {
    const object = keptObject(item, resource);
    if (object !== undefined) return object;
    throw unusableAnswer(action, 'MalformedResponse', 'an item of the list is no object with a name');
  });
  return { items, resourceVersion, continued };
}
