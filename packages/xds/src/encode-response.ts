import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { DeltaDiscoveryResponseSchema } from '@ambit/proto/discovery';
import type { Delivery } from './subscription.ts';

const { field } = DeltaDiscoveryResponseSchema;

/** A `DeltaDiscoveryResponse` around resources that are encoded once for all clients. */
export function encodeResponse(typeUrl: string, nonce: string, delivery: Delivery): Uint8Array {
  const writer = new BinaryWriter();
  for (const { encoded } of delivery.resources) {
    writer.tag(field.resources.number, WireType.LengthDelimited).bytes(encoded);
  }
  writer.tag(field.typeUrl.number, WireType.LengthDelimited).string(typeUrl);
  writer.tag(field.nonce.number, WireType.LengthDelimited).string(nonce);
  for (const name of delivery.removed) {
    writer.tag(field.removedResources.number, WireType.LengthDelimited).string(name);
  }
  return writer.finish();
}
