import type { MessageInitShape } from '@bufbuild/protobuf';
import type { HeaderChangesSchema } from '@ambit/proto/waypoint';
import type { Texts } from '../../objects.ts';
import { isAuthorityName } from '../../schema/virtual-headers-relations.ts';
import type { HeaderOperations, VirtualHeaders } from '../../traffic-objects.ts';

export type HeaderChangesInit = MessageInitShape<typeof HeaderChangesSchema>;

/** What the header operations of a route or a destination come to. */
export interface VirtualHeaderChanges {
  readonly requestHeaders?: HeaderChangesInit;
  readonly responseHeaders?: HeaderChangesInit;
}

export function headerChangesOf({ request, response }: VirtualHeaders = {}): VirtualHeaderChanges {
  const [ofRequest, ofResponse] = [changesOf(request), changesOf(response)];
  return {
    ...(ofRequest === undefined ? {} : { requestHeaders: ofRequest }),
    ...(ofResponse === undefined ? {} : { responseHeaders: ofResponse }),
  };
}

/** The host that a request is sent to by its operations: `Host` and `:authority` are none of its headers. Else empty. */
export function authorityOf({ request }: VirtualHeaders = {}): string {
  const values = [request?.set, request?.add].flatMap((texts) => Object.entries(texts ?? {}));
  return values.find(([name, value]) => isAuthorityName(name) && value !== '')?.[1] ?? '';
}

/** Paths of values with a format of Envoy's (`%REQ(x)%`): none is known here. */
export function formatPaths(headers: VirtualHeaders | undefined, path: string): string[] {
  const { request, response } = headers ?? {};
  const lists = { 'request.set': request?.set, 'request.add': request?.add };
  const all = { ...lists, 'response.set': response?.set, 'response.add': response?.add };
  return Object.entries(all).flatMap(([list, texts]) =>
    Object.entries(texts ?? {}).flatMap(([name, value]) => {
      const format = isAuthorityName(name) ? null : /%[^%]+%/.exec(value.replaceAll('%%', ''));
      return format === null ? [] : [`${path}.${list}.${name} with the format ${format[0]}`];
    }),
  );
}

function changesOf(operations: HeaderOperations | undefined): HeaderChangesInit | undefined {
  const { set, add, remove = [] } = operations ?? {};
  const changes = { set: fieldsOf(set), add: fieldsOf(add), remove: remove.map((name) => name.toLowerCase()) };
  return changes.set.length + changes.add.length + changes.remove.length === 0 ? undefined : changes;
}

function fieldsOf(texts: Texts | undefined): { name: string; value: string }[] {
  return Object.entries(texts ?? {})
    .filter(([name]) => !isAuthorityName(name))
    .map(([name, value]) => ({ name: name.toLowerCase(), value: value.replaceAll('%%', '%') }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}
