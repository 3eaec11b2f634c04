/**
 * Why a token is refused. The texts are those of Envoy's library for tokens, by which people search; the last ones are for
 * what it does not refuse, or not by a name of its own.
 */
export const TOKEN_FAULTS = {
  format: 'Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections',
  headerBase64: 'Jwt header is an invalid Base64url encoded',
  headerJson: 'Jwt header is an invalid JSON',
  headerAlg: 'Jwt header [alg] field is required and must be a string',
  algorithm: 'Jwt header [alg] is not supported',
  headerKid: 'Jwt header [kid] field is not a string',
  payloadBase64: 'Jwt payload is an invalid Base64url encoded',
  payloadJson: 'Jwt payload is an invalid JSON',
  issuerType: 'Jwt payload [iss] field is not a string',
  subjectType: 'Jwt payload [sub] field is not a string',
  issuedAtType: 'Jwt payload [iat] field is not an integer',
  notBeforeType: 'Jwt payload [nbf] field is not an integer',
  expiryType: 'Jwt payload [exp] field is not an integer',
  audienceType: 'Jwt payload [aud] field is not a string or string list',
  signatureBase64: 'Jwt signature is an invalid Base64url encoded',
  issuer: 'Jwt issuer is not configured',
  notYet: 'Jwt not yet valid',
  expired: 'Jwt is expired',
  audience: 'Audiences in Jwt are not allowed',
  signature: 'Jwt verification fails',
  noKeys: "Jwks doesn't have any valid public key",
  noKey: "Jwks doesn't have key to match kid or alg from Jwt",
  several: 'Found multiple Jwt tokens',
  tooLarge: 'Jwt is too large',
  critical: 'Jwt header [crit] is not supported',
} as const;

export type TokenFault = keyof typeof TOKEN_FAULTS;
