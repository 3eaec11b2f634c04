import type { MessageInitShape } from '@bufbuild/protobuf';
import type { DirectResponseSchema } from '@ambit/proto/waypoint';
import type { VirtualDirectResponse } from '../../traffic-objects.ts';

/** An answer that a route gives by itself. */
export function directResponseOf(response: VirtualDirectResponse): MessageInitShape<typeof DirectResponseSchema> {
  return { status: response.status, body: bodyOf(response) ?? '' };
}

/** Whether the body is text: a waypoint has no other. */
export function hasTextBody(response: VirtualDirectResponse): boolean {
  return bodyOf(response) !== undefined;
}

function bodyOf({ body }: VirtualDirectResponse): string | undefined {
  if (body?.bytes === undefined) return body?.string ?? '';
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.from(body.bytes, 'base64'));
  } catch {
    return undefined;
  }
}
