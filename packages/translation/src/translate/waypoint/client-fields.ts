import { clone, create } from '@bufbuild/protobuf';
import { ClientFieldsSchema, ForwardedFor, type ServedService, ServedServiceSchema } from '@ambit/proto/waypoint';
import { valueOf } from '../../labels.ts';
import type { Model } from '../../model.ts';
import type { Metadata } from '../../objects.ts';
import { requiredFeaturesOf } from './required-features.ts';

/** Annotation of a Gateway, or of its class: endpoints get the client's identity as `x-forwarded-client-cert` (Istio's name). */
const INCLUDE_CLIENT_IDENTITY = 'ambient.istio.io/xfcc-include-client-identity';

/** The same: what becomes of `x-forwarded-for`. */
export const FORWARDED_FOR = 'ambit.io/x-forwarded-for';

const FORWARDED_FORS: ReadonlyMap<string, ForwardedFor> = new Map([
  ['append', ForwardedFor.APPEND_FORWARDED_FOR],
  ['pass', ForwardedFor.PASS_FORWARDED_FOR],
  ['replace', ForwardedFor.REPLACE_FORWARDED_FOR],
]);

type Annotated = { readonly metadata: Metadata } | undefined;

/** What the annotation says, the Gateway's before its class's; undefined: nothing that is understood. */
export function forwardedForOf(gateway: Annotated, gatewayClass: Annotated): ForwardedFor | undefined {
  return FORWARDED_FORS.get(annotationOf(FORWARDED_FOR, gateway, gatewayClass) ?? 'pass');
}

/** The resource with what its waypoint tells endpoints of clients. */
export function withClientFields(
  served: ServedService,
  { gateways, gatewayClasses }: Pick<Model, 'gatewayClasses' | 'gateways'>,
): ServedService {
  const gateway = gateways.get(`${served.waypointNamespace}/${served.waypointName}`);
  const gatewayClass = gatewayClasses.get(gateway?.spec.gatewayClassName ?? '');
  const certificate = annotationOf(INCLUDE_CLIENT_IDENTITY, gateway, gatewayClass) === 'true';
  const forwardedFor = forwardedForOf(gateway, gatewayClass) ?? ForwardedFor.PASS_FORWARDED_FOR;
  if (!certificate && forwardedFor === ForwardedFor.PASS_FORWARDED_FOR) return served;
  const result = clone(ServedServiceSchema, served);
  result.clientFields = create(ClientFieldsSchema, { certificate, forwardedFor });
  result.requiredFeatures = requiredFeaturesOf(result);
  return result;
}

function annotationOf(name: string, gateway: Annotated, gatewayClass: Annotated): string | undefined {
  return valueOf(gateway?.metadata.annotations, name) ?? valueOf(gatewayClass?.metadata.annotations, name);
}
